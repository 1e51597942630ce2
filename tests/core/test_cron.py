"""Cron expressions: what can be read, and when they come due where clocks are put forward and back."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from rackhand.core.cron import CronExpression, next_after, times_after, wrong_part
from rackhand.core.errors import FieldError, Invalid
from rackhand.core.schema import parse

BERLIN, SEOUL = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Seoul")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def told(expression: str, zone: ZoneInfo, after: str, count: int) -> list[str]:
    found = islice(times_after(expression, zone, ms(after)), count)
    return [datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime("%m-%d %H:%M%z") for at in found]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        # put forward on 29 March: 02:00 to 02:59 are not there
        ("30 2 * * *", "2026-03-28T12:00+01:00", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        ("*/30 * * * *", "2026-03-29T01:00+01:00", ["03-29 01:30+0100", "03-29 03:00+0200", "03-29 03:30+0200"]),
        ("30 * * * *", "2026-03-29T01:00+01:00", ["03-29 01:30+0100", "03-29 03:30+0200"]),
        # put back on 25 October: 02:00 to 02:59 are there twice
        ("30 2 * * *", "2026-10-24T12:00+02:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("30 2 * * *", "2026-10-25T02:10+01:00", ["10-26 02:30+0100"]),
        ("30 * * * *", "2026-10-25T02:00+02:00", ["10-25 02:30+0200", "10-25 02:30+0100", "10-25 03:30+0100"]),
    ],
)
def test_gaps_and_overlaps(expression: str, after: str, expected: list[str]) -> None:
    assert told(expression, BERLIN, after, len(expected)) == expected


def test_a_moment_is_never_its_own_successor() -> None:
    at = ms("2026-11-28T09:00+09:00")

    assert next_after("0 9 * * *", SEOUL, at) == at + 86_400_000
    assert next_after("0 9 * * *", SEOUL, at - 1) == at
    assert next_after("0 9 * * *", SEOUL, at + 999) == at + 86_400_000


def test_the_calendar_has_an_end() -> None:
    assert next_after("0 9 * * *", SEOUL, ms("9999-12-31T12:00+09:00")) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [("@daily", "0 0 * * *"), (" 0  9 * * mon-fri ", "0 9 * * mon-fri"), ("0 0 L * *", "0 0 L * *")],
)
def test_what_can_be_read(text: str, read: str) -> None:
    assert parse(CronExpression(), text) == read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must not be empty"),
        (7, "must be a text"),
        ("* * * * * *", "must have five fields: minute, hour, day of the month, month, day of the week"),
        ("@often", "must have five fields: minute, hour, day of the month, month, day of the week"),
        ("61 * * * *", "the minute cannot be read; like 0 9 * * MON-FRI"),
        ("0 25 * * *", "the hour cannot be read; like 0 9 * * MON-FRI"),
        ("0 0 31 2 *", "these months have no such day, so it would never come"),
        ("0 0 31 4,6,9 *", "these months have no such day, so it would never come"),
        ("0 0 32 2 *", "the day of the month cannot be read; like 0 9 * * MON-FRI"),
        ("0 0 31 13 *", "the month cannot be read; like 0 9 * * MON-FRI"),
        ("0 0 * 13 *", "the month cannot be read; like 0 9 * * MON-FRI"),
        ("0 0 * * 9", "the day of the week cannot be read; like 0 9 * * MON-FRI"),
    ],
)
def test_what_cannot(text: object, said: str) -> None:
    errors: list[FieldError] = []
    CronExpression().check(text, "/cron", errors)
    assert [(each.path, each.message) for each in errors] == [("/cron", said)]
    with pytest.raises(Invalid):
        parse(CronExpression(), text)


def test_the_schema_has_examples_that_can_be_read() -> None:
    assert all(parse(CronExpression(), text) for text in CronExpression().json_schema()["examples"])
    assert wrong_part("0 9 * * *") is None
