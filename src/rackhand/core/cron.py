"""Cron expressions: five fields read in a time zone, and the moments they name. No clock and no zone data of its own.

Read as Debian's cron does, by the library cronsim. Where clocks are put forward, a fixed time that does not exist comes
at the first moment that does; where they are put back, a fixed time comes once, the first time. Expressions with `*`
in the minutes or hours follow real time: none is left out, and the hour that is there twice counts twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from cronsim import CronSim, CronSimError

from rackhand.core.clock import Millis
from rackhand.core.errors import FieldError
from rackhand.core.message import Message, word
from rackhand.core.schema import Text

LONGEST = 200
FIELDS = 5
NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
PARTS = {
    "Bad minute": Message("the minute"),
    "Bad hour": Message("the hour"),
    "Bad day-of-month": Message("the day of the month"),
    "Bad month": Message("the month"),
    "Bad day-of-week": Message("the day of the week"),
}
_START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CronExpression:
    """A checked expression, as a spec for `core.schema`; a name such as @daily becomes its five fields."""

    def check(self, value: Any, path: str, errors: list[FieldError]) -> Any:
        found: list[FieldError] = []
        Text(min=1, max=LONGEST).check(value, path, found)
        if found:
            errors.extend(found)
            return value
        text = normalised(value)
        if len(text.split()) != FIELDS:
            errors.append(
                FieldError(path, "must have five fields: minute, hour, day of the month, month, day of the week")
            )
            return value
        wrong = wrong_part(text)
        if wrong is not None and is_day_of_no_month(text):
            errors.append(FieldError(path, "these months have no such day, so it would never come"))
        elif wrong is not None:
            errors.append(FieldError(path, "{part} cannot be read; like 0 9 * * MON-FRI", {"part": wrong}))
        return text

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST, "examples": ["0 9 * * MON-FRI", "@daily"]}


def normalised(text: str) -> str:
    """One space between fields; names of whole expressions written out."""
    return NAMES.get(text.strip().lower(), " ".join(text.split()))


def wrong_part(expression: str) -> Message | None:
    """Which field cannot be read, or names a day that no month has; None if all can."""
    try:
        CronSim(expression, _START)
    except (CronSimError, ValueError) as error:
        return PARTS.get(str(error), word(str(error)))
    return None


def is_day_of_no_month(expression: str) -> bool:
    """Whether a wrong expression names a day that there is, but in none of its months: 31 February."""
    minute, hour, day, month, weekday = expression.split()
    parts = ((minute, hour, "*", month, weekday), (minute, hour, day, "*", weekday))
    return all(wrong_part(" ".join(part)) is None for part in parts)


def times_after(expression: str, zone: tzinfo, after: Millis) -> Iterator[Millis]:
    """The moments after `after`, in order; none any more where the calendar ends or no day fits."""
    start = datetime.fromtimestamp(after // 1000, UTC).astimezone(zone)
    found = CronSim(expression, start)
    while True:
        try:
            at = int(next(found).timestamp()) * 1000
        except (StopIteration, OverflowError, ValueError):
            return
        if at > after:
            yield at


def next_after(expression: str, zone: tzinfo, after: Millis) -> Millis | None:
    """The first moment after `after`; None if there is none within fifty years."""
    return next(times_after(expression, zone, after), None)
