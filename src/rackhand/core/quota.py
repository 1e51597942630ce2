"""The day's budget of calls, and how often each channel is looked at so that it lasts until midnight Pacific.

Quotas of the source are per day of America/Los_Angeles and count every request, refused and unchanged ones (304) too.
Delay is least for a given number of calls when a channel's interval goes with 1 / sqrt(its rate of uploads); on top of
that, active channels get the shortest interval first, as long as the others keep theirs within the longest (ADR 28).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import sqrt
from zoneinfo import ZoneInfo

from rackhand.core.clock import Millis

PACIFIC = ZoneInfo("America/Los_Angeles")
DAILY_UNITS = 10_000
"""What a project gets unless it asked for more."""
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
SHORTEST_MS, LONGEST_MS = 3 * MINUTE_MS, 6 * HOUR_MS
ACTIVE_PER_DAY = 4.0
"""A channel with so many uploads a day is active."""
_LEAST_PER_DAY = 1 / 60
"""Nobody is taken to be silent for ever."""
ACTIVE_SHARE = 0.85
"""Of what is left above the least that all channels need: the others slow down, and do not stand still."""
FOR_PEOPLE = 0.05
"""Share of the budget that background work leaves to previews and registrations by people."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Uploads of a channel in the last day, week and four weeks."""

    day: int = 0
    week: int = 0
    month: int = 0

    @property
    def per_day(self) -> float:
        """The expected uploads a day; what was lately counts at once, and is forgotten slowly."""
        return max(float(self.day), self.week / 7, self.month / 28, _LEAST_PER_DAY)

    @property
    def is_active(self) -> bool:
        return self.per_day >= ACTIVE_PER_DAY


def quota_day(now: Millis) -> str:
    """The day that a call at `now` counts for: `2026-11-28`, by Pacific time."""
    return _pacific(now).date().isoformat()


def resets_at(now: Millis) -> Millis:
    """The next midnight in Pacific time; days of 23 and of 25 hours are right, too."""
    tomorrow = _pacific(now).date() + timedelta(days=1)
    return int(datetime.combine(tomorrow, time(), PACIFIC).timestamp() * 1000)


def _pacific(now: Millis) -> datetime:
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(PACIFIC)


def background_limit(budget: int) -> int:
    """How much of a day's budget background work may spend; the rest is for people."""
    return budget - min(max(round(budget * FOR_PEOPLE), 1), budget)


def intervals(channels: Mapping[str, Activity], units_left: int, ms_left: int) -> dict[str, int]:
    """How often each channel is looked at (ms), so that `units_left` last for `ms_left`. With no unit left, or more
    channels than the longest interval can serve, intervals are longer than that: nobody is left out."""
    if not channels:
        return {}
    day, order = max(ms_left, 1), sorted(channels, key=lambda name: (-channels[name].per_day, name))
    details = sum(activity.per_day for activity in channels.values()) * day / DAY_MS
    units = max(units_left - details, units_left / 2, 0.0)
    if units < len(channels) * day / LONGEST_MS:
        return dict.fromkeys(channels, round(len(channels) * day / units) if units >= 1 else day)
    active = _served_first(order, channels, units, day)
    rest = order[len(active) :]
    share = units - len(active) * day / SHORTEST_MS
    return dict.fromkeys(active, SHORTEST_MS) | _shared(rest, channels, share, day)


def _served_first(order: Sequence[str], channels: Mapping[str, Activity], units: float, day: int) -> Sequence[str]:
    """The active channels, most active first, that the budget can serve at the shortest interval."""
    spare = (units - len(order) * day / LONGEST_MS) * ACTIVE_SHARE
    extra = day / SHORTEST_MS - day / LONGEST_MS
    fit = int(spare / extra) if extra > 0 else len(order)
    return [name for name in order if channels[name].is_active][:fit]


def _shared(names: Sequence[str], channels: Mapping[str, Activity], units: float, day: int) -> dict[str, int]:
    """Intervals that go with 1 / sqrt(rate), within the bounds, and use no more than `units`."""
    weights = {name: 1 / sqrt(channels[name].per_day) for name in names}

    def planned(scale: float) -> dict[str, int]:
        return {name: round(min(max(scale * weights[name], SHORTEST_MS), LONGEST_MS)) for name in names}

    low, high = 0.0, LONGEST_MS / min(weights.values(), default=1.0)
    for _ in range(48):
        middle = (low + high) / 2
        if sum(day / each for each in planned(middle).values()) > units:
            low = middle
        else:
            high = middle
    return planned(high)
