"""Pages of lists: one shape, and cursors that are opaque to callers and checked when they come back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from rackhand.core.errors import FieldError, Invalid

T = TypeVar("T")
C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `next_cursor` gets the following ones, null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


def encode_cursor(*values: str | int | None) -> str:
    """An opaque cursor of the sort key of the last item shown."""
    return urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode_cursor(text: str | None, shape: type[C]) -> C | None:
    """The sort key inside a cursor, such as `decode_cursor(text, tuple[int, str])`; Invalid if it is none of ours."""
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value: Any = msgspec.json.decode(raw, type=shape)
    except (Error, ValueError, msgspec.MsgspecError) as error:
        raise Invalid([FieldError("/query/cursor", "is not a cursor of this list; start without one")]) from error
    if any(isinstance(part, str) and "\x00" in part for part in value) or not _fit(value):
        raise Invalid([FieldError("/query/cursor", "is not a cursor of this list; start without one")])
    return value  # type: ignore[no-any-return]


def _fit(value: Any) -> bool:
    return all(not isinstance(part, int) or -(2**63) <= part < 2**63 for part in value)
