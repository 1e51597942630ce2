"""Schedules follow from their seed alone, and consecutive seeds try everything."""

import pytest
from tests.e2e.chaos.schedule import FAULTS, NODES, Schedule, make_schedule

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


def found(dialect: Dialect, *faults: str) -> Schedule:
    """The first schedule with exactly these faults."""
    schedules = (make_schedule(seed, dialect) for seed in range(20_000))
    return next(each for each in schedules if {act.fault for act in each.acts} == set(faults))


def test_a_black_hole_excuses_only_its_node() -> None:
    schedule = found("sqlite", "black_hole")

    assert schedule.cut_off() == {act.target for act in schedule.acts}


def test_a_server_that_dies_excuses_every_node() -> None:
    assert found("postgresql", "server_kill").cut_off() == set(NODES)


def test_a_clock_that_jumps_excuses_nobody() -> None:
    assert found("sqlite", "clock_back").cut_off() == set()
