"""Messages about data sets."""

from pydantic import Field

from secure_ds.wire.base import Base64, Clearance, CollaborationId, DatasetId, Digest, Message


class Signature(Message):
    """One signature of a DSSE envelope."""

    keyid: str = Field(max_length=128)
    sig: Base64 = Field(max_length=1024)


class Envelope(Message):
    """A DSSE envelope (https://github.com/secure-systems-lab/dsse), as JSON."""

    payload: Base64 = Field(max_length=8_000_000)
    payloadType: str = Field(max_length=128)  # noqa: N815  the DSSE specification's name
    signatures: list[Signature] = Field(min_length=1, max_length=4)


class DatasetCreate(Message):
    """Register a data set: the descriptor signed by its owner, and the CKKS secret key sealed to the custodian.

    No key comes with a data set that was encrypted under the key of a collaboration.
    """

    envelope: Envelope
    sealed_key: Base64 | None = Field(default=None, min_length=100, max_length=8_000_000)
    name: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
    sensitivity: Clearance = 2


class Refusal(Message):
    """Why the upload check refused a data set."""

    code: str
    detail: str


class DatasetView(Message):
    """A data set as its readers see it. Numbers of records and features are public by design."""

    id: DatasetId
    tenant: str
    owner: str
    name: str
    state: str = Field(description="uploading, checking, ready, refused, or rotated: a successor has the key")
    sensitivity: int
    n_records: int
    n_features: int
    feature_map: str
    purposes: list[str]
    parameters: str = Field(description="name of the CKKS profile")
    descriptor_digest: Digest
    created_at: str
    blobs_total: int
    blobs_missing: int
    norms: str = Field(
        description="verified; pending until the upload check has passed; asserted: statistics, not records"
    )
    rotation_key: Digest | None = Field(
        default=None, description="of a data set that succeeds another one: the file that moves answers to its key"
    )
    collaboration_id: CollaborationId | None = None
    refusal: Refusal | None = None


class RenyiBudgetView(Message):
    """The budget of a sealed data set: Renyi divergences at the orders that its owner signed.

    Something may still be released as long as spent and reserved together are within capacity at one order.
    """

    orders: list[float]
    capacity: list[float]
    spent: list[float]
    reserved: list[float]


class BudgetView(Message):
    """What a data set may still release. Every epsilon is stated at `delta`, for zero-out-one-record neighbours.

    What speaks of mu squared, of decryptions and of a key is null where records are sealed, `renyi` where they are
    encrypted.
    """

    dataset_id: DatasetId
    delta: float
    epsilon_limit: float
    epsilon_spent: float
    epsilon_reserved: float
    epsilon_left: float = Field(description="the largest epsilon that one more job could still take")
    mu_squared_limit: float | None = None
    mu_squared_spent: float | None = None
    mu_squared_reserved: float | None = None
    renyi: RenyiBudgetView | None = None
    neighbours: str
    accountant: str
    decryptions_used: int | None = Field(default=None, description="answers that this key has given")
    decryptions_limit: int | None = Field(default=None, description="answers that this key may give in its life")
    statistical_bits: float | None = Field(
        default=None, description="s: what every job leaves at least, over tau answers with its noise"
    )
    tau: int | None = Field(
        default=None, description="answers that may ever be given about the records, under this key and earlier ones"
    )
    decryptions_prior: int | None = Field(
        default=None, description="answers that earlier keys of the same files were allowed"
    )


class BlobStatus(Message):
    """How much of a blob has arrived."""

    digest: Digest
    offset: int
    total: int
    complete: bool
