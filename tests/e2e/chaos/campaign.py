"""Many schedules in a row, on labs that are made anew now and then and after every violation; and their table.

Belongs here: order, and counting. Must not: output, or where a database comes from.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.chaos.lab import Lab
from tests.e2e.chaos.schedule import FAULTS, make_schedule
from tests.e2e.chaos.trial import Outcome, play

from rackhand.store.db import Dialect

PER_LAB = 40
NewUrl = Callable[[], str]
"""The URL of a fresh database with today's schema, or "" for a SQLite file in the lab's folder."""


@contextmanager
def lab(dialect: Dialect, new_url: NewUrl, plant: str = "") -> Iterator[Lab]:
    """A lab in a folder of its own; everything is ended and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="rh-chaos-", ignore_cleanup_errors=True) as name:
        made = Lab(Path(name), dialect, new_url(), plant)
        try:
            made.open()
            yield made
        finally:
            made.close()


def campaign(dialect: Dialect, seeds: Iterable[int], new_url: NewUrl, plant: str = "") -> Iterator[Outcome]:
    """The outcome of each seed, as it comes."""
    waiting = list(seeds)
    while waiting:
        with lab(dialect, new_url, plant) as place:
            for _ in range(min(PER_LAB, len(waiting))):
                outcome = play(place, make_schedule(waiting.pop(0), dialect))
                yield outcome
                if outcome.violations:
                    break


def tabulate(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """A line per fault, then all of them: schedules it was in, and what ran and broke in those."""
    outcomes = list(outcomes)
    lines = []
    for name in (*FAULTS, ""):
        mine = [each for each in outcomes if not name or name in {act.fault for act in each.schedule.acts}]
        struck = sum(act.fault == name for each in mine for act in each.schedule.acts)
        lines.append(
            {
                "fault": name or "all",
                "struck": struck if name else sum(len(each.schedule.acts) for each in mine),
                "schedules": len(mine),
                "runs": sum(len(each.schedule.runs) for each in mine),
                "device_runs": sum(each.device_runs for each in mine),
                "events": sum(each.events for each in mine),
                "answers": sum(each.answers for each in mine),
                "commands": sum(each.commands for each in mine),
                "violations": sum(len(each.violations) for each in mine),
            }
        )
    return lines


def count_statuses(outcomes: Iterable[Outcome]) -> Counter[str]:
    """How the device runs ended."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.statuses)
    return total
