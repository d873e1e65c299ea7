"""The owner's declaration as a file: how records are read, what they mean, and what may be done with them.

A declaration is made once, can be reviewed by others, and holds nothing that was computed from the records.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secure_ds.ckks.profiles import DEFAULT, PROFILES
from secure_ds.client.errors import InvalidDeclaration
from secure_ds.client.package import Declaration
from secure_ds.data.descriptor import MAX_CLASSES, Class, Limits, PrivacyUnit, Tenant
from secure_ds.data.feature_maps import FeatureMap
from secure_ds.data.loading import load, load_npz
from secure_ds.data.problems import first_problem
from secure_ds.data.records import Records, select_classes

Name = Annotated[str, Field(min_length=1, max_length=128)]


class DeclarationFile(BaseModel):
    """What a declaration file holds.

    Attributes:
        members: for `.npz` files, array to column; empty for all under their own names.
        classes: values of the label column whose records are kept, in order: the first is class 0. Where it is absent,
            labels are 0 and 1 already and every record is kept.
        profile: name of the CKKS profile.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["secure-ds/declaration/2"] = "secure-ds/declaration/2"
    tenant: Tenant
    feature_map: FeatureMap
    label: Name
    members: dict[Name, Name] = Field(default_factory=dict)
    classes: Annotated[tuple[Class, ...], Field(min_length=2, max_length=MAX_CLASSES)] | None = None
    limits: Limits
    unit: PrivacyUnit = PrivacyUnit()
    profile: str = DEFAULT.name

    def read_records(self, path: Path) -> Records:
        """Read the records that are meant.

        Raises:
            UnreadableFile, InvalidRecords: the file does not hold them.
        """
        records = load_npz(path, self.members) if self.members else load(path)
        if self.classes is None:
            return records
        return select_classes(records, self.label, self.classes)

    def declaration(self) -> Declaration:
        """Return what `write_package` takes.

        Raises:
            InvalidDeclaration: there is no such profile.
        """
        if self.profile not in PROFILES:
            raise InvalidDeclaration(f"there is no profile {self.profile!r}; there are: {', '.join(PROFILES)}")
        return Declaration(
            tenant=self.tenant,
            feature_map=self.feature_map,
            label=self.label,
            classes=self.classes or ("0", "1"),
            limits=self.limits,
            unit=self.unit,
            profile=PROFILES[self.profile],
        )


def read_declaration(path: Path) -> DeclarationFile:
    """Read a declaration.

    Raises:
        InvalidDeclaration: the file cannot be read, or says something that cannot be.
    """
    try:
        return DeclarationFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidDeclaration(f"{path} cannot be read ({type(error).__name__})") from None
    except ValidationError as error:
        raise InvalidDeclaration(f"{path}: {first_problem(error, 'declaration')}") from None
