"""Schedules follow from their seed alone, and consecutive seeds try everything."""

import pytest
from tests.e2e.chaos.schedule import FAULTS, NODES, Act, Schedule, make_schedule

from rackhand.store.db import Dialect

DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgresql")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_seed_repeats_its_schedule(dialect: Dialect) -> None:
    assert make_schedule(7, dialect) == make_schedule(7, dialect)
    assert make_schedule(7, dialect) != make_schedule(8, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_as_many_seeds_as_there_are_faults_try_all_of_them(dialect: Dialect) -> None:
    known = {kind.name for kind in FAULTS.values() if kind.only in (None, dialect)}

    tried = {act.fault for seed in range(1_000, 1_000 + len(known)) for act in make_schedule(seed, dialect).acts}

    assert tried == known


def with_fault(name: str, target: str) -> Schedule:
    return Schedule(0, "postgresql", (Act(200, name, target, 1_000),), ())


def test_what_may_cost_a_node_its_leases_excuses_nobody_else() -> None:
    assert with_fault("black_hole", "PC-B").cut_off() == {"PC-B"}
    assert with_fault("server_kill", "0").cut_off() == set(NODES)
    assert with_fault("clock_back", "all").cut_off() == set()
