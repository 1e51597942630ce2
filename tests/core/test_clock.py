"""Times: milliseconds inside, RFC 3339 outside, and nothing lost between."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.clock import from_rfc3339, to_rfc3339

LATEST = 253_402_300_799_999


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_000, "1970-01-01T00:00:01.000Z"),
        (1_795_341_600_123, "2026-11-22T10:00:00.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (LATEST, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_known_moments(at: int, text: str) -> None:
    assert to_rfc3339(at) == text
    assert from_rfc3339(text) == at


@given(st.integers(0, LATEST))
def test_every_moment_comes_back(at: int) -> None:
    assert from_rfc3339(to_rfc3339(at)) == at


@given(st.integers(0, LATEST - 86_400_000), st.integers(-1439, 1439))
def test_the_zone_does_not_matter(at: int, minutes: int) -> None:
    moment = datetime(1970, 1, 2, tzinfo=UTC) + timedelta(milliseconds=at // 2)

    local = moment.astimezone(timezone(timedelta(minutes=minutes)))

    assert from_rfc3339(local.isoformat()) == 86_400_000 + at // 2


@pytest.mark.parametrize(("at", "clamped"), [(-1, 0), (-(10**18), 0), (LATEST + 1, LATEST), (10**18, LATEST)])
def test_moments_outside_the_calendar_are_clamped(at: int, clamped: int) -> None:
    assert to_rfc3339(at) == to_rfc3339(clamped)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01t00:00:01z", 1_000),
        ("1970-01-01 00:00:01Z", 1_000),
        ("1970-01-01T00:00:01.5Z", 1_500),
        ("1970-01-01T00:00:01.123456789Z", 1_123),
        ("1970-01-01T09:00:00+09:00", 0),
        ("1969-12-31T00:00:00Z", 0),
        ("0001-01-01T00:00:00+23:59", 0),
    ],
)
def test_accepted_spellings(text: str, at: int) -> None:
    assert from_rfc3339(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-11-22T10:00:00.Z",
        "2026-11-22T10:00:00+0900",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T10:00:00+99:00",
        "2026-11-22T10:00:00Z\n",
        "٢٠٢٦-11-22T10:00:00Z",
        "1795341600123",
    ],
)
def test_anything_else_is_refused_with_what_was_given(text: str) -> None:
    with pytest.raises(ValueError, match="not an RFC 3339 time"):
        from_rfc3339(text)


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    with suppress(ValueError):
        assert from_rfc3339(text) >= 0
