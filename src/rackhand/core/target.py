"""Targets: which devices a run is for. Parses and prints index expressions like `1-20,25`, and selects."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rackhand.core.errors import FieldError, Invalid
from rackhand.core.message import Message
from rackhand.core.schema import Field, ListOf, MapOf, Record, Tagged, Text

MAX_INDEX = 1_000_000
_PART = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?", re.ASCII)


class Selectable(Protocol):
    """What selection needs to know of a device."""

    @property
    def index_no(self) -> int | None: ...
    @property
    def node_id(self) -> str | None: ...
    @property
    def labels(self) -> dict[str, str]: ...


D = TypeVar("D", bound=Selectable)


@dataclass(frozen=True, slots=True)
class IndexExpression:
    """A checked text of indexes, as a spec for `core.schema`."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        found: list[FieldError] = []
        Text(min=1, max=10_000).check(value, path, found)
        if not found:
            try:
                parse_indexes(value)
            except Invalid as error:
                found.append(FieldError(path, "{message}", {"message": error.errors[0].message}))
        errors.extend(found)
        return value

    def json_schema(self) -> dict[str, Any]:
        part = r"\s*[0-9]{1,7}\s*(-\s*[0-9]{1,7}\s*)?"
        pattern = f"^{part}(,{part})*$"
        return {"type": "string", "minLength": 1, "maxLength": 10_000, "pattern": pattern, "examples": ["1-20,25"]}


_EXCLUDE: dict[str, Any] = {"exclude": Field(IndexExpression(), None)}
TARGET = Tagged(
    "scope",
    {
        "all": Record(_EXCLUDE),
        "indexes": Record({"indexes": IndexExpression()} | _EXCLUDE),
        "labels": Record({"labels": MapOf(Text(max=200), max=20)} | _EXCLUDE),
        "nodes": Record({"nodes": ListOf(Text(min=1, max=63), min=1)} | _EXCLUDE),
    },
)


def parse_indexes(text: str) -> list[tuple[int, int]]:
    """`"3,1-2"` -> `[(1, 3)]`: sorted ranges, neighbours merged; Invalid names the part that is wrong."""
    ranges = []
    for part in text.split(","):
        matched = _PART.fullmatch(part)
        if not matched:
            raise _invalid(
                "has {part} where a number or a range like 1-20 belongs", part=part.strip()[:40] or Message("nothing")
            )
        low = int(matched[1])
        high = int(matched[2] or low)
        if not 1 <= low <= high <= MAX_INDEX:
            raise _invalid("has the range {part}: indexes go up from 1 to {max}", part=part.strip(), max=MAX_INDEX)
        ranges.append((low, high))
    return _merge(sorted(ranges))


def format_indexes(indexes: Iterable[int]) -> str:
    """The shortest expression for a set of indexes: `{1, 2, 3, 5}` -> `1-3,5`."""
    merged = _merge(sorted((index, index) for index in indexes))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in merged)


def select(target: dict[str, Any], devices: Iterable[D]) -> list[D]:
    """The devices that a checked target names, in the order of their indexes (those without one last)."""
    excluded = parse_indexes(target["exclude"]) if target.get("exclude") else []
    is_named = _naming(target)
    chosen = [d for d in devices if is_named(d) and not _contains(excluded, d.index_no)]
    return sorted(chosen, key=lambda d: (d.index_no is None, d.index_no or 0))


def _naming(target: dict[str, Any]) -> Callable[[Selectable], bool]:
    """What tells whether a device is named, read from the target once."""
    match target["scope"]:
        case "indexes":
            ranges = parse_indexes(target["indexes"])
            return lambda device: _contains(ranges, device.index_no)
        case "labels":
            wanted = target["labels"].items()
            return lambda device: all(device.labels.get(key) == value for key, value in wanted)
        case "nodes":
            nodes = frozenset(target["nodes"])
            return lambda device: device.node_id in nodes
    return lambda device: True


def _contains(ranges: list[tuple[int, int]], index: int | None) -> bool:
    return index is not None and any(low <= index <= high for low, high in ranges)


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _invalid(template: str, **values: object) -> Invalid:
    return Invalid([FieldError("", template, values)])
