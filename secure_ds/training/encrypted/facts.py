"""What a plan needs of the data sets it trains on: what their owners signed, and nothing else.

Rules kept here:
1. `DataFacts` are one data set's, `JobFacts` those of all data sets of a job. Everything a plan uses of several data
   sets is derived here, on the safe side of each owner's limit.
2. Data sets of one job agree in everything but size and limits: ring, scale, tolerance, features and classes.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Self

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.keying import Keying
from secure_ds.ckks.parameters import Parameters
from secure_ds.privacy.ledger import Limit

_COMMON: Final = ("content", "n_features", "n_classes", "parameters", "keying", "input_scale", "eta")


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What a plan needs of one data set's owner-signed descriptor.

    Attributes:
        dataset_id: the data set.
        descriptor_digest: digest of the whole descriptor, which the plan thereby names.
        n_records: real records; public.
        n_features: feature columns, the bias included.
        n_classes: classes of the label.
        n_blocks: ciphertexts per column.
        parameters: the CKKS parameters.
        keying: how the columns were encrypted, and whether the key was rotated since.
        input_scale: scale of every uploaded column.
        eta: tolerance of the norm check that the data set passed.
        records_per_person: records one person may have.
        limit_epsilon: the data set's epsilon, for everything ever released.
        limit_delta: the data set's delta.
        max_decryptions: noisy vectors the key may ever release.
        prior_decryptions: those that earlier keys of the same files were allowed.
        coordinates: numbers in any one release, at most.
        dual_evaluation_required: whether every step has to be evaluated alike in two trust domains.
        results_key: the owner's key that results without noise are sealed to, if the owner named one.
        content: what the files hold, `records` or `statistics` of them.
    """

    dataset_id: str
    descriptor_digest: str
    n_records: int
    n_features: int
    n_classes: int
    n_blocks: int
    parameters: Parameters
    keying: Keying
    input_scale: float
    eta: float
    records_per_person: int
    limit_epsilon: float
    limit_delta: float
    max_decryptions: int
    prior_decryptions: int
    coordinates: int
    dual_evaluation_required: bool = False
    results_key: str | None = None
    content: str = "records"

    @property
    def tau(self) -> int:
        """Noisy vectors that may ever be released of these files, under this key and those before it."""
        return self.prior_decryptions + self.max_decryptions

    @property
    def limit(self) -> Limit:
        """The owner's limit as the ledger counts it."""
        return Limit(self.limit_epsilon, self.limit_delta, self.tau, self.coordinates)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; input_scale and eta are hexadecimal doubles."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **fields,
            "parameters": self.parameters.to_json(),
            "keying": self.keying.to_json(),
            "input_scale": self.input_scale.hex(),
            "eta": self.eta.hex(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        exact = {name: float.fromhex(value[name]) for name in ("input_scale", "eta")}
        keys = {"parameters": Parameters.from_json(value["parameters"]), "keying": Keying.from_json(value["keying"])}
        return cls(**{**value, **exact, **keys})


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The data sets of one job, in the order of their ids. Make it with `JobFacts.of`."""

    parts: tuple[DataFacts, ...]

    @classmethod
    def of(cls, *parts: DataFacts) -> Self:
        """Put data sets together.

        Raises:
            ValueError: there is none.
            PlanRefused: ``different_data_sets``: they disagree in ring, scale, tolerance, features or classes.
        """
        if not parts:
            raise ValueError("a job has at least one data set")
        for name in _COMMON:
            if len({getattr(part, name) for part in parts}) != 1:
                raise PlanRefused("different_data_sets", f"the data sets of a job must have the same {name}")
        return cls(tuple(sorted(parts, key=lambda part: part.dataset_id)))

    @property
    def n_records(self) -> int:
        """Records of all data sets together."""
        return sum(part.n_records for part in self.parts)

    @property
    def n_blocks(self) -> int:
        """Ciphertexts per column of all data sets together; a block never holds two owners' records."""
        return sum(part.n_blocks for part in self.parts)

    @property
    def n_features(self) -> int:
        """Feature columns, the bias included."""
        return self.parts[0].n_features

    @property
    def n_classes(self) -> int:
        """Classes of the label."""
        return self.parts[0].n_classes

    @property
    def n_label_columns(self) -> int:
        """Columns of the label: one for two classes, else one for each class."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def content(self) -> str:
        """What the files hold, `records` or `statistics` of them."""
        return self.parts[0].content

    @property
    def parameters(self) -> Parameters:
        """The CKKS parameters."""
        return self.parts[0].parameters

    @property
    def keying(self) -> Keying:
        """How the columns were encrypted, and whether the key was rotated since."""
        return self.parts[0].keying

    @property
    def input_scale(self) -> float:
        """Scale of every uploaded column."""
        return self.parts[0].input_scale

    @property
    def eta(self) -> float:
        """Tolerance of the norm check."""
        return self.parts[0].eta

    @property
    def records_per_person(self) -> int:
        """Records that one person may have in any one of the data sets."""
        return max(part.records_per_person for part in self.parts)

    @property
    def max_decryptions(self) -> int:
        """Answers that the key may ever give, by the strictest owner."""
        return min(part.max_decryptions for part in self.parts)

    @property
    def tau(self) -> int:
        """Answers that may ever be given about the files: those of the key, and those of the keys before it."""
        return self.max_decryptions + max(part.prior_decryptions for part in self.parts)

    @property
    def coordinates(self) -> int:
        """Numbers that one release may have, at most."""
        return min(part.coordinates for part in self.parts)

    @property
    def dual_evaluation_required(self) -> bool:
        """Whether any owner requires that two trust domains evaluate alike."""
        return any(part.dual_evaluation_required for part in self.parts)

    @property
    def distance(self) -> Fraction:
        """Total variation between everything ever released of a data set and its ideal: the largest of them."""
        return max(part.limit.distance for part in self.parts)

    def units_for(self, epsilon: float, delta: float) -> int:
        """Return the cost that a job of (epsilon, delta) may have on every one of the data sets.

        Raises:
            PlanRefused: ``above_limit``: it is more than some owner ever allows.
        """
        return min(_allowed_units(part, epsilon, delta) for part in self.parts)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the JSON form."""
        return [part.to_json() for part in self.parts]

    @classmethod
    def from_json(cls, value: list[dict[str, Any]]) -> Self:
        """Read what `to_json` wrote."""
        return cls.of(*(DataFacts.from_json(part) for part in value))


def _allowed_units(part: DataFacts, epsilon: float, delta: float) -> int:
    units = part.limit.units_for(epsilon, delta)
    if units > part.limit.units:
        raise PlanRefused(
            "above_limit",
            f"epsilon = {epsilon:g} at delta = {delta:g} is more than the owner of the data set allows:"
            f" epsilon = {part.limit_epsilon:g} at delta = {part.limit_delta:g} for everything ever released",
        )
    return units
