"""What becomes of due times: on time, late, missed by the thousand, and while an earlier run is under way."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from rackhand.core.schedule import SHOWN_MISSED, FiringState, Misfire, Overlap, decide, may_start

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = 20_000 * DAY + 12 * HOUR
GRACE = 5 * MINUTE


def test_a_time_on_time_fires_and_the_next_is_told() -> None:
    due = decide("0 * * * *", UTC, NOON, NOON + 900, GRACE, Misfire.SKIP)

    assert (due.fire, due.missed, due.unlisted_until, due.next_at) == ((NOON,), (), None, NOON + HOUR)


def test_several_within_the_grace_all_fire() -> None:
    due = decide("* * * * *", UTC, NOON, NOON + 2 * MINUTE, GRACE, Misfire.SKIP)

    assert (due.fire, due.missed) == ((NOON, NOON + MINUTE, NOON + 2 * MINUTE), ())


@pytest.mark.parametrize(
    ("misfire", "fire", "missed"),
    [
        (Misfire.SKIP, (), (NOON, NOON + HOUR, NOON + 2 * HOUR)),
        (Misfire.ONCE, (NOON + 2 * HOUR,), (NOON, NOON + HOUR)),
    ],
)
def test_what_is_too_late_is_missed_and_perhaps_made_up_for_once(
    misfire: Misfire, fire: tuple[int, ...], missed: tuple[int, ...]
) -> None:
    due = decide("0 * * * *", UTC, NOON, NOON + 2 * HOUR + 6 * MINUTE, GRACE, misfire)

    assert (due.fire, due.missed, due.next_at) == (fire, missed, NOON + 3 * HOUR)


def test_a_time_on_time_makes_up_for_those_before_it() -> None:
    due = decide("0 * * * *", UTC, NOON, NOON + HOUR, GRACE, Misfire.ONCE)

    assert (due.fire, due.missed) == ((NOON + HOUR,), (NOON,))


def test_of_very_many_the_first_and_the_newest_are_listed() -> None:
    now = NOON + DAY
    due = decide("* * * * *", UTC, NOON, now, GRACE, Misfire.SKIP)

    assert due.missed[0] == NOON
    assert len(due.missed) + len(due.fire) == SHOWN_MISSED + 1
    assert due.fire[-1] == now
    assert due.unlisted_until == due.missed[1]


def test_after_a_long_pause_old_times_are_missed_as_one() -> None:
    monthly = decide("0 0 1 * *", ZoneInfo("Asia/Seoul"), NOON, NOON + 8 * DAY, GRACE, Misfire.SKIP)
    daily = decide("0 12 * * *", UTC, NOON, NOON + 30 * DAY + HOUR, GRACE, Misfire.SKIP)

    assert (monthly.missed, monthly.unlisted_until) == ((NOON,), NOON + DAY)
    assert (daily.missed[0], len(daily.missed), daily.unlisted_until) == (NOON, 8, NOON + 24 * DAY)


def test_a_calendar_that_ends_has_no_next_time() -> None:
    last = 253_402_257_600_000  # 9999-12-31T12:00Z

    assert decide("0 12 * * *", UTC, last, last, GRACE, Misfire.SKIP).next_at is None


@pytest.mark.parametrize(
    ("overlap", "is_busy", "is_waiting", "state"),
    [
        (Overlap.SKIP, False, False, FiringState.STARTED),
        (Overlap.SKIP, True, False, FiringState.SKIPPED),
        (Overlap.QUEUE, True, False, FiringState.WAITING),
        (Overlap.QUEUE, True, True, FiringState.SKIPPED),
        (Overlap.ALLOW, True, True, FiringState.STARTED),
    ],
)
def test_overlap(overlap: Overlap, is_busy: bool, is_waiting: bool, state: FiringState) -> None:
    assert may_start(overlap, is_busy, is_waiting) is state
