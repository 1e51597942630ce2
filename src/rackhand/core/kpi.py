"""Key figures of the dashboard: rates, medians and hourly series over rows that the store has counted."""

from collections.abc import Iterable, Sequence
from statistics import median

from rackhand.core.clock import Millis

HOUR_MS = 3_600_000


def rate(part: int, whole: int) -> float | None:
    """`part / whole`, or None of nothing: an empty fleet has no success rate, not a perfect one."""
    return part / whole if whole else None


def middle(values: Sequence[int]) -> int | None:
    """The median, or None of nothing."""
    return round(median(values)) if values else None


def by_hour(moments: Iterable[tuple[Millis, int]], now: Millis, hours: int) -> list[int]:
    """Sums per hour, oldest first; the last bucket is the hour that `now` is in."""
    first = now // HOUR_MS - hours + 1
    buckets = [0] * hours
    for at, amount in moments:
        position = at // HOUR_MS - first
        if 0 <= position < hours:
            buckets[position] += amount
    return buckets
