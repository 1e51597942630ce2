"""A simulated day of channels and 10,000 units: the planner against fixed polling every 3 minutes. Pure, no network.

    python bench/quota_day.py [--days 3] [--seed 7]

Uploads come at random (Poisson, by each channel's rate); the first day only warms up what is known of the channels.
Both see a video at the first look after it is published, at beats of 15 s, and both pay a unit a look, and one for
details per beat that found videos. Fixed polling stops when the day's units are spent, and goes on at midnight.
"""

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rackhand.core.clock import from_rfc3339
from rackhand.core.quota import (
    DAILY_UNITS,
    DAY_MS,
    SHORTEST_MS,
    Activity,
    background_limit,
    intervals,
    quota_day,
    resets_at,
)

BEAT_MS = 15_000
START = from_rfc3339("2026-11-20T08:00:00Z")  # midnight Pacific
CASES = (10, 20, 60, 300)
MIX = ((0.10, 8.0), (0.40, 1.0), (0.50, 1 / 7))
"""Shares of channels, and their uploads a day: active, daily, weekly."""
Intervals = Callable[[dict[str, Activity], int, int], dict[str, int]]


@dataclass
class Result:
    """What a policy spent on its dearest day, and its delays (ms)."""

    spent: int = 0
    delays: list[int] = field(default_factory=list)
    active_delays: list[int] = field(default_factory=list)


def fixed(channels: dict[str, Activity], units_left: int, ms_left: int) -> dict[str, int]:
    """Every three minutes, whatever is left."""
    return dict.fromkeys(channels, SHORTEST_MS)


def uploads_of(rate: float, days: int, chance: random.Random) -> list[int]:
    """Times of the uploads from four weeks before the start to the end."""
    at, times = float(START - 28 * DAY_MS), list[int]()
    while True:
        at += chance.expovariate(rate / DAY_MS)
        if at >= START + days * DAY_MS:
            return times
        times.append(int(at))


def rates(count: int) -> list[float]:
    """The uploads a day of each channel, by MIX; there is an active one at least."""
    active, daily = max(round(count * MIX[0][0]), 1), round(count * MIX[1][0])
    return [MIX[0][1]] * active + [MIX[1][1]] * daily + [MIX[2][1]] * (count - active - daily)


def activity(times: Sequence[int], seen: int, now: int) -> Activity:
    """What is known of a channel: only the uploads that were seen."""
    known = [at for at in times[max(seen - 1_000, 0) : seen] if at > now - 28 * DAY_MS]
    return Activity(*(sum(at > now - days * DAY_MS for at in known) for days in (1, 7, 28)))


def simulate(count: int, days: int, seed: int, policy: Intervals, limit: int) -> Result:
    """Play `days` days and judge all but the first."""
    chance, result = random.Random(seed), Result()
    rate = rates(count)
    times = [uploads_of(each, days, chance) for each in rate]
    seen = [sum(at <= START for at in each) for each in times]
    due = [START + chance.randrange(SHORTEST_MS) for _ in range(count)]
    spent, last_look, planned = dict[str, int](), [START] * count, dict[str, int]()
    for beat, now in enumerate(range(START, START + days * DAY_MS, BEAT_MS)):
        day = quota_day(now)
        if beat % 20 == 0:
            known = {str(i): activity(times[i], seen[i], now) for i in range(count)}
            planned = policy(known, limit - spent.get(day, 0), resets_at(now) - now)
            due = [min(at, last_look[i] + planned[str(i)]) for i, at in enumerate(due)]
        found = 0
        for i in range(count):
            if due[i] > now or spent.get(day, 0) >= limit:
                continue
            spent[day] = spent.get(day, 0) + 1
            due[i], last_look[i] = now + planned[str(i)], now
            while seen[i] < len(times[i]) and times[i][seen[i]] <= now:
                delay, seen[i], found = now - times[i][seen[i]], seen[i] + 1, found + 1
                if now >= START + DAY_MS:
                    result.delays.append(delay)
                    if rate[i] >= MIX[0][1]:
                        result.active_delays.append(delay)
        if found and spent.get(day, 0) < limit:
            spent[day] = spent.get(day, 0) + 1
    result.spent = max(spent.values())
    return result


def minutes(delays: Sequence[int]) -> str:
    """Mean and worst."""
    return f"{sum(delays) / max(len(delays), 1) / 60_000:.1f} / {max(delays, default=0) / 60_000:.1f}"


def main() -> None:
    """Print the table of docs/content.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    print("| channels | policy | most units a day | delay, all (mean / worst, min) | delay, active ones |")
    print("|--:|---|--:|--:|--:|")
    for count in CASES:
        for name, policy, limit in (
            ("planner", intervals, background_limit(DAILY_UNITS)),
            ("fixed 3 min", fixed, DAILY_UNITS),
        ):
            found = simulate(count, chosen.days, chosen.seed, policy, limit)
            assert found.spent <= limit, "the budget was overspent"
            print(f"| {count} | {name} | {found.spent:,} | {minutes(found.delays)} | {minutes(found.active_delays)} |")


if __name__ == "__main__":
    main()
