"""The descriptor of an encrypted data set: what its owner signs, and what everyone later holds them and us to.

Rules kept here:

1. A descriptor is public and complete: shape, feature map, ring, keys, limits, and the digest of every file.
2. It has one spelling. `parse_descriptor` accepts canonical JSON (RFC 8785) only, so one descriptor has one digest and
   no duplicate or unknown field can mean different things to different readers.
3. It agrees with itself: features with the map, blocks with records and ring, file sizes with the ring.

Content: the records themselves, or the statistics that their owner computed (`secure_ds.ckks.statistics_plan`): then
each file is one part of them, as a column of one block, and there are no evaluation keys.

Columns of the encrypted matrix: features 0 to d - 1 (the bias is the last), then `slack`, then the label: for two
classes one column of y - 1/2, for c > 2 classes c columns of [y = k] - 1/c. Two records per slot
(`secure_ds.ckks.slots`); places without a record hold 0.
"""

import itertools
import math
from functools import cached_property
from typing import Annotated, Final, Literal, Self, TypeVar

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError, model_validator

from secure_ds.ckks.errors import InvalidParameters
from secure_ds.ckks.input_files import PUBLIC_KEY, SYMMETRIC_SEEDED, Encryption, input_file_bytes
from secure_ds.ckks.key_files import KEY_NAMES, key_file_bytes
from secure_ds.ckks.norm_plan import MAX_ETA
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.statistics_plan import n_parts
from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import InvalidDescriptor
from secure_ds.data.feature_maps import FeatureMap
from secure_ds.data.problems import first_problem
from secure_ds.data.sealing import results_point

MAX_RECORDS = 2**24
MAX_PRIOR_DECRYPTIONS = 2**24
MAX_CLASSES = 64

Content = Literal["records", "statistics"]
RECORDS: Final = "records"
STATISTICS: Final = "statistics"


def _parameters(value: object) -> Parameters:
    if isinstance(value, Parameters):
        return value
    try:
        return Parameters.from_json(value)
    except InvalidParameters as error:
        raise ValueError(str(error)) from None


Class = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
DatasetId = Annotated[str, Field(pattern=r"^ds_[a-z2-7]{26}$")]
Tenant = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
UploadKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
CkksParameters = Annotated[Parameters, PlainValidator(_parameters), PlainSerializer(Parameters.to_json)]


class Closed(BaseModel):
    """Base of all parts of a descriptor: closed, frozen, strictly typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Document(Closed):
    """Base of the descriptors: what has one spelling, and so one digest."""

    @cached_property
    def canonical(self) -> bytes:
        """The canonical JSON bytes: what is signed and digested."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """`sha256:` digest of `canonical`."""
        return digest_bytes(self.canonical)


Parsed = TypeVar("Parsed", bound=Document)


class FileReference(Closed):
    """A file by digest and exact length in bytes."""

    digest: Digest
    bytes: Annotated[int, Field(ge=1, le=2**40)]


class ColumnBlock(FileReference):
    """The ciphertext of one column for one block of records."""

    column: Annotated[int, Field(ge=0)]
    block: Annotated[int, Field(ge=0)]


class KeyFile(FileReference):
    """One file of evaluation keys; the names are those of `secure_ds.ckks.key_files`."""

    name: str


class OwnerLimits(Closed):
    """What the owner of any data set allows, for its life.

    Attributes:
        epsilon: bound of all releases together, at `delta`, for neighbours in one privacy unit.
        delta: the other half of that bound.
        purposes: what training may be for; sorted, distinct.
    """

    epsilon: Annotated[float, Field(gt=0, le=100)]
    delta: Annotated[float, Field(gt=0, le=1e-2)]
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _canonical_purposes(self) -> Self:
        if list(self.purposes) != sorted(set(self.purposes)):
            raise ValueError("purposes must be sorted and distinct")
        return self


class Limits(OwnerLimits):
    """What the owner of an encrypted data set allows; neighbours are zero-out.

    Attributes:
        max_decryptions: releases under this key, ever (the flooding noise is sized for it).
        dual_evaluation_required: whether a step is answered only once two trust domains evaluated it alike.
    """

    max_decryptions: Annotated[int, Field(ge=1, le=2**20)]
    dual_evaluation_required: bool = False


class PrivacyUnit(Closed):
    """Whose data neighbouring data sets differ in: a person with at most `records_per_person` records."""

    kind: Literal["record"] = "record"
    records_per_person: Annotated[int, Field(ge=1, le=1000)] = 1


class Rotation(Closed):
    """What a data set with a new key says of the one it succeeds: same files, same budget, another key for answers.

    Attributes:
        parent: the data set whose key answers nothing more.
        parent_descriptor: digest of that one's descriptor.
        files_of: the data set whose files these are, and under whose key they were encrypted: the first of the line.
        prior_decryptions: releases that the keys before this one were allowed, all together.
    """

    parent: DatasetId
    parent_descriptor: Digest
    files_of: DatasetId
    prior_decryptions: Annotated[int, Field(ge=1, le=MAX_PRIOR_DECRYPTIONS)]


class GroupReference(Closed):
    """The collaboration under whose key records were encrypted, by id and by the digest of its signed statement."""

    collaboration_id: Annotated[str, Field(pattern=r"^collab_[a-z2-7]{26}$")]
    statement_digest: Digest


class DatasetDescriptor(Document):
    """One encrypted data set.

    Attributes:
        content: what the files hold, the records or statistics of them.
        n_records: number of records, public by design.
        n_features: d, the bias included.
        classes: names of the label's classes, in the order of the labels 0, 1, ...
        encryption: how every ciphertext was made; see `secure_ds.ckks.input_files`.
        input_scale: exact scale of every ciphertext, as `float.hex` writes it.
        eta: tolerance of the norm check at upload, as `float.hex` writes it.
        sealed_key: the CKKS secret key, sealed to the custodian; None where the key is a collaboration's.
        group: the collaboration whose key it is; None where the key is the data set's own.
        evaluation_keys: every key file the ring needs, in the order of their names.
        blocks: every ciphertext, in order of column, then block.
        upload_key: raw Ed25519 public key that signs this descriptor, hexadecimal.
        results_key: P-256 public key, an uncompressed point in hexadecimal, that results without noise are sealed to;
            absent: there are none.
        rotation: of which data set this is the successor, if it is one; see `secure_ds.data.rotation`.
    """

    format: Literal["secure-ds/dataset/2"] = "secure-ds/dataset/2"
    dataset_id: DatasetId
    tenant: Tenant
    unit: PrivacyUnit
    limits: Limits
    content: Content
    n_records: Annotated[int, Field(ge=1, le=MAX_RECORDS)]
    n_features: Annotated[int, Field(ge=1, le=4096)]
    feature_map: FeatureMap
    classes: Annotated[tuple[Class, ...], Field(min_length=2, max_length=MAX_CLASSES)]
    parameters: CkksParameters
    encryption: Encryption
    input_scale: str
    eta: str
    upload_key: UploadKey
    sealed_key: FileReference | None
    group: GroupReference | None
    evaluation_keys: tuple[KeyFile, ...]
    blocks: tuple[ColumnBlock, ...]
    results_key: Annotated[str, Field(pattern=r"^04[0-9a-f]{128}$")] | None
    rotation: Rotation | None

    @property
    def files_of(self) -> str:
        """The data set that the files were uploaded for: this one, or the first of its line."""
        return self.dataset_id if self.rotation is None else self.rotation.files_of

    @property
    def prior_decryptions(self) -> int:
        """Releases that earlier keys of the same files were allowed."""
        return 0 if self.rotation is None else self.rotation.prior_decryptions

    @property
    def scale(self) -> float:
        """`input_scale` as a number."""
        return _number(self.input_scale)

    @property
    def tolerance(self) -> float:
        """`eta` as a number."""
        return _number(self.eta)

    @property
    def n_blocks(self) -> int:
        """Ciphertexts per column."""
        return math.ceil(self.n_records / self.parameters.poly_modulus_degree)

    @property
    def n_columns(self) -> int:
        """Columns of the encrypted matrix: features, slack and label; or parts of the statistics."""
        if self.content == STATISTICS:
            return n_parts(self.parameters, self.n_features, len(self.classes))
        return self.n_features + 1 + len(self.label_columns)

    @property
    def slack_column(self) -> int:
        """Index of the column that completes each record to norm 1."""
        return self.n_features

    @property
    def label_columns(self) -> range:
        """Indices of the columns of the label."""
        first = self.n_features + 1
        return range(first, first + (1 if len(self.classes) == 2 else len(self.classes)))

    @property
    def coordinates(self) -> int:
        """Numbers in any one release, at most: all second moments of a record, and 64 weights for each of its columns.

        The data set's delta pays for that many; see `secure_ds.privacy.approximation`.
        """
        columns = self.n_features + len(self.label_columns)
        return columns * (columns + 1) // 2 + 64 * columns

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        self._check_scale()
        self._check_tolerance()
        if self.feature_map.n_features != self.n_features:
            raise ValueError(f"n_features must be {self.feature_map.n_features}, as the feature map makes")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed twice")
        if (self.sealed_key is None) == (self.group is None):
            raise ValueError("a data set has either a sealed key of its own or a group")
        if self.group is not None and (self.encryption != PUBLIC_KEY or self.rotation is not None):
            raise ValueError("under the key of a group, records are encrypted with its public key, and never rotated")
        self._check_results_key()
        self._check_content()
        self._check_blocks()
        self._check_keys()
        return self

    def _check_results_key(self) -> None:
        """Under a group's key others' records decrypt too: nothing without noise leaves it, for whoever asks."""
        if self.results_key is None:
            return
        results_point(self.results_key)
        if self.group is not None:
            raise ValueError("under the key of a group there are no results without noise, and so no results_key")

    def _check_scale(self) -> None:
        scale = self.scale
        if scale.hex() != self.input_scale:
            raise ValueError("input_scale must be written as float.hex writes it")
        if not 2.0**10 <= scale <= self.parameters.modulus(self.parameters.top_level):
            raise ValueError("input_scale must be between 2**10 and the modulus")

    def _check_tolerance(self) -> None:
        if self.tolerance.hex() != self.eta or not 0 < self.tolerance <= MAX_ETA:
            raise ValueError(f"eta must be above 0 and at most {MAX_ETA}, written as float.hex writes it")

    def _check_blocks(self) -> None:
        columns, blocks = self.n_columns, 1 if self.content == STATISTICS else self.n_blocks
        places = itertools.product(range(columns), range(blocks))  # never held: there may be millions
        in_order = all((entry.column, entry.block) == place for entry, place in zip(self.blocks, places, strict=False))
        if len(self.blocks) != columns * blocks or not in_order:
            raise ValueError(f"blocks must list {columns} columns x {blocks} blocks once each, in order")
        size = input_file_bytes(self.parameters, self.encryption)
        if any(entry.bytes != size for entry in self.blocks):
            raise ValueError(f"every {self.encryption} ciphertext has {size} bytes under these parameters")
        if len({entry.digest for entry in self.blocks}) != len(self.blocks):
            raise ValueError("two blocks are the same file")

    def _check_content(self) -> None:
        if self.content == STATISTICS and (self.encryption != SYMMETRIC_SEEDED or self.rotation is not None):
            raise ValueError("statistics are encrypted with the owner's secret key, which is never rotated")

    def _check_keys(self) -> None:
        names = () if self.content == STATISTICS else KEY_NAMES
        if tuple(key.name for key in self.evaluation_keys) != names:
            raise ValueError(f"evaluation_keys must be {', '.join(names) or 'none'}, in this order")
        for key in self.evaluation_keys:
            if key.bytes != key_file_bytes(key.name, self.parameters):
                raise ValueError(
                    f"{key.name} has {key_file_bytes(key.name, self.parameters)} bytes under these parameters"
                )


def parse_descriptor(data: bytes) -> DatasetDescriptor:
    """Return the descriptor with these canonical bytes.

    Raises:
        InvalidDescriptor: they are not canonical JSON, or break a rule; the message names the field.
    """
    return parse_document(DatasetDescriptor, data)


def parse_document(kind: type[Parsed], data: bytes) -> Parsed:
    """Return the descriptor of a kind with these canonical bytes; raises as `parse_descriptor` does."""
    try:
        descriptor = kind.model_validate_json(data)
    except ValidationError as error:
        raise InvalidDescriptor(first_problem(error, "descriptor")) from None
    if descriptor.canonical != data:
        raise InvalidDescriptor("the descriptor must be canonical JSON (RFC 8785), without repeated fields")
    return descriptor


def _number(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        raise ValueError("input_scale and eta must be numbers that a float can hold") from None
