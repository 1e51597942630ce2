"""Time zones by their IANA names, from the system or from the package tzdata. The one place that reads zone data."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from rackhand.core.errors import FieldError
from rackhand.core.schema import Text

_NOT_FOR_PEOPLE = ("Etc/", "SystemV/", "posix/", "right/")


@dataclass(frozen=True, slots=True)
class ZoneName:
    """A checked name of a zone, as a spec for `core.schema`."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        found: list[FieldError] = []
        Text(min=1, max=100).check(value, path, found)
        if not found and find(value) is None:
            found.append(FieldError(path, "is not a time zone; use a name such as Asia/Seoul or UTC"))
        errors.extend(found)
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 100, "examples": ["Asia/Seoul", "UTC"]}


@cache
def names() -> tuple[str, ...]:
    """The names that people choose from, in order."""
    known = (name for name in available_timezones() if "/" in name and not name.startswith(_NOT_FOR_PEOPLE))
    return ("UTC", *sorted(known))


@cache
def find(name: str) -> ZoneInfo | None:
    """The zone, or None; a name is no path."""
    return ZoneInfo(name) if name in _all() else None


@cache
def _all() -> frozenset[str]:
    return frozenset(available_timezones())


def of(name: str) -> ZoneInfo:
    """The zone of a checked name; UTC if the system has forgotten it meanwhile."""
    return find(name) or ZoneInfo("UTC")
