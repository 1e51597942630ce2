"""A few schedules of chaos on real processes, on each database; `make nightly` plays 200 of them (bench/chaos.py)."""

import signal
from pathlib import Path

import pytest
from tests.e2e.chaos.lab import Lab
from tests.e2e.chaos.schedule import make_schedule
from tests.e2e.chaos.trial import play

from rackhand.store.db import Dialect
from rackhand.store.fake import DatabasePlace

SEEDS: dict[Dialect, tuple[int, ...]] = {"sqlite": (10, 22), "postgresql": (10, 18)}
"""Black hole, dead and sleeping agents, full or cut-off database, dead server, clock jump, shuffled callbacks."""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not of this system")
@pytest.mark.timeout(600)
def test_whatever_strikes_every_invariant_holds(database: DatabasePlace, tmp_path: Path) -> None:
    lab = Lab(tmp_path, database.dialect, database.url)
    try:
        lab.open()
        broken = {}
        for seed in SEEDS[database.dialect]:
            outcome = play(lab, make_schedule(seed, database.dialect))
            if outcome.violations:
                broken[seed] = (outcome.schedule.words(), outcome.violations)
    finally:
        lab.close()
    assert broken == {}
