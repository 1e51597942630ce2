"""A day's budget lasts the day, whoever registers how many channels; active ones are looked at most."""

from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.clock import from_rfc3339
from rackhand.core.quota import (
    DAILY_UNITS,
    DAY_MS,
    HOUR_MS,
    LONGEST_MS,
    SHORTEST_MS,
    Activity,
    background_limit,
    intervals,
    quota_day,
    resets_at,
)

BUSY, DAILY, QUIET = Activity(8, 50, 200), Activity(1, 7, 28), Activity(0, 0, 1)


def used(plan: dict[str, int], ms: int = DAY_MS) -> float:
    return sum(ms / interval for interval in plan.values())


def fleet(busy: int = 0, daily: int = 0, quiet: int = 0) -> dict[str, Activity]:
    kinds = {"busy": (busy, BUSY), "daily": (daily, DAILY), "quiet": (quiet, QUIET)}
    return {f"{name}{i}": activity for name, (count, activity) in kinds.items() for i in range(count)}


def test_a_day_is_that_of_pacific_time_and_may_have_23_or_25_hours() -> None:
    assert quota_day(from_rfc3339("2026-11-28T07:59:59Z")) == "2026-11-27"
    assert quota_day(from_rfc3339("2026-11-28T08:00:00Z")) == "2026-11-28"
    assert resets_at(from_rfc3339("2026-11-28T08:00:00Z")) == from_rfc3339("2026-11-29T08:00:00Z")
    spring, autumn = from_rfc3339("2026-03-08T08:00:00Z"), from_rfc3339("2026-11-01T07:00:00Z")
    assert (resets_at(spring) - spring, resets_at(autumn) - autumn) == (23 * HOUR_MS, 25 * HOUR_MS)


def test_few_channels_are_all_looked_at_every_three_minutes() -> None:
    assert set(intervals(fleet(2, 4, 4), DAILY_UNITS, DAY_MS).values()) == {SHORTEST_MS}
    assert intervals({}, DAILY_UNITS, DAY_MS) == {}


def test_active_channels_keep_three_minutes_while_quiet_ones_slow_down() -> None:
    plan = intervals(fleet(10, 90, 200), 9_500, DAY_MS)
    assert {plan[f"busy{i}"] for i in range(10)} == {SHORTEST_MS}
    assert SHORTEST_MS < plan["daily0"] < plan["quiet0"] <= LONGEST_MS
    assert used(plan) <= 9_500


def test_more_active_channels_than_the_budget_serves_share_it_the_most_active_first() -> None:
    plan = intervals(fleet(60) | {"star": Activity(40, 200, 800)}, 9_500, DAY_MS)
    assert plan["star"] == SHORTEST_MS
    assert used(plan) <= 9_500
    assert max(plan.values()) <= LONGEST_MS


def test_what_was_spent_early_is_made_up_for_later() -> None:
    slow, fast = (intervals(fleet(0, 20), units, 6 * HOUR_MS)["daily0"] for units in (200, 1_500))
    assert slow > fast
    assert used(intervals(fleet(0, 20), 200, 6 * HOUR_MS), 6 * HOUR_MS) <= 200


def test_nobody_is_left_out_when_there_are_too_many_channels_or_no_unit() -> None:
    many = intervals(fleet(0, 0, 5_000), DAILY_UNITS, DAY_MS)
    assert LONGEST_MS < many["quiet0"] <= DAY_MS
    assert used(many) <= DAILY_UNITS
    assert intervals(fleet(1), 0, HOUR_MS) == {"busy0": HOUR_MS}
    assert intervals(fleet(1), 500, 0)["busy0"] >= 1
    assert intervals(fleet(1, 1), 500, SHORTEST_MS // 3) == dict.fromkeys(("busy0", "daily0"), SHORTEST_MS)


def test_background_work_leaves_something_to_people() -> None:
    assert [background_limit(budget) for budget in (10_000, 100, 10, 1, 0)] == [9_500, 95, 9, 0, 0]


@given(
    st.lists(st.builds(Activity, st.integers(0, 50), st.integers(0, 300), st.integers(0, 900)), max_size=120),
    st.integers(0, 20_000),
    st.integers(1, 25 * HOUR_MS),
)
def test_a_plan_never_needs_more_than_is_left(activities: list[Activity], units: int, ms: int) -> None:
    channels = {str(i): activity for i, activity in enumerate(activities)}
    plan = intervals(channels, units, ms)
    assert plan.keys() == channels.keys()
    assert all(interval >= min(SHORTEST_MS, ms) for interval in plan.values())
    assert used(plan, ms) <= max(units, len(channels)) * 1.001 + 1
