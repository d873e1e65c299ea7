"""The base of every message and the field types they share."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


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


Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
DatasetId = Annotated[str, Field(pattern=r"^ds_[a-z2-7]{26}$")]
JobId = Annotated[str, Field(pattern=r"^job_[a-z2-7]{26}$")]
ModelId = Annotated[str, Field(pattern=r"^model_[a-z2-7]{26}$")]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
Epsilon = Annotated[float, Field(gt=0, le=100), BeforeValidator(number_only)]
Delta = Annotated[float, Field(gt=0, le=1e-2), BeforeValidator(number_only)]
Real = Annotated[float, BeforeValidator(number_only)]
Steps = Annotated[int, Field(ge=1, le=4096), BeforeValidator(integral_only)]

Item = TypeVar("Item")


class Page(Message, Generic[Item]):
    """One page of a list; `next` is the cursor of the following page, absent on the last."""

    items: list[Item]
    next: str | None = None
