"""The base of every message and the field types they share."""

import re
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from secure_ds.core.clock import timestamp


class Message(BaseModel):
    """A closed, frozen message; NaN and infinities are refused everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def integral_only(value: Any) -> Any:
    """Accept 4.0 where JSON Schema's `integer` does; refuse booleans and text, which pydantic would coerce."""
    if isinstance(value, (bool, str)):
        raise ValueError("must be an integer")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def number_only(value: Any) -> Any:
    if isinstance(value, (bool, str)):
        raise ValueError("must be a number")
    return value


def _utc(text: str) -> str:
    """Read an RFC 3339 moment with its offset and write it in the service's one form, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return timestamp(moment)
    except (ValueError, OverflowError):
        raise ValueError("must be an RFC 3339 date-time with its offset, such as 2026-01-31T12:00:00Z") from None


Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
DatasetId = Annotated[str, Field(pattern=r"^ds_[a-z2-7]{26}$")]
CollaborationId = Annotated[str, Field(pattern=r"^collab_[a-z2-7]{26}$")]
JobId = Annotated[str, Field(pattern=r"^job_[a-z2-7]{26}$")]
NetworkId = Annotated[str, Field(pattern=r"^net_[a-z2-7]{26}$")]
PredictionId = Annotated[str, Field(pattern=r"^pred_[a-z2-7]{26}$")]
ModelId = Annotated[str, Field(pattern=r"^model_[a-z2-7]{26}$")]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Base64 = Annotated[str, Field(pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]
Epsilon = Annotated[float, Field(gt=0, le=100), BeforeValidator(number_only)]
Delta = Annotated[float, Field(gt=0, le=1e-2), BeforeValidator(number_only)]
Steps = Annotated[int, Field(ge=1, le=4096), BeforeValidator(integral_only)]
Clearance = Annotated[int, Field(ge=0, le=3), BeforeValidator(integral_only)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"}), AfterValidator(_utc)]

Item = TypeVar("Item")
_COUNT = re.compile(r"[0-9]{1,16}(\.0+)?", re.ASCII)


def count_from_text(value: Any) -> Any:
    """Read a number as a query string carries it; 4.0 is an integer, as in JSON Schema."""
    if not isinstance(value, str):
        return value
    if not _COUNT.fullmatch(value):
        raise ValueError("must be an integer")
    return int(value.partition(".")[0])


Count = Annotated[int, Field(ge=0, lt=2**53), BeforeValidator(count_from_text)]


class PageQuery(Message):
    """Which page of a list: `cursor` is the `next` of the page before, absent for the first."""

    cursor: Annotated[str, Field(pattern=r"^[A-Za-z0-9_=.-]{1,512}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=200), BeforeValidator(count_from_text)] = 50


class Page(Message, Generic[Item]):
    """One page of a list; `next` is the cursor of the following page, absent on the last."""

    items: list[Item]
    next: str | None = None
