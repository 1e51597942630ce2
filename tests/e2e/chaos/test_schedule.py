"""Schedules follow from their seed alone, and consecutive seeds try everything."""

import pytest
from tests.e2e.chaos.schedule import FAULTS, make_schedule

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


def test_a_black_hole_of_one_node_excuses_only_that_node() -> None:
    schedule = next(
        found
        for seed in range(1_000)
        if {act.fault for act in (found := make_schedule(seed, "sqlite")).acts} == {"black_hole"}
    )

    assert schedule.cut_off() == {act.target for act in schedule.acts}


def test_a_server_that_dies_excuses_every_node() -> None:
    schedule = next(
        found
        for seed in range(1_000)
        if "servers_kill" in {act.fault for act in (found := make_schedule(seed, "postgresql")).acts}
    )

    assert len(schedule.cut_off()) == 3
