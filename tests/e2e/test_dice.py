"""Dice: the same seed decides the same on other machines, and every step says how it was decided."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import pytest

from rackhand.cli.fake import Rig, Sim

SEED, STEPS = 20_261_122, 10
SERIALS = ["SIM00001", "SIM00002", "SIM00003", "SIM00004"]


def steps_of(rig: Rig) -> list[dict[str, Any]]:
    """Ten steps by chance, and one that always fails, so that all devices can be run again."""
    by_chance = [rig.shell(f"echo chance {index}", effect="repeatable", probability=0.5) for index in range(STEPS)]
    return [*by_chance, rig.shell("false", effect="repeatable")]


def rows(rig: Rig, run: str) -> list[list[tuple[Any, ...]]]:
    """What each step of each device says of its dice, in the order of devices."""
    ends = []
    for serial in SERIALS:
        steps = rig.detail(run, serial)["steps"]
        ends.append([(s["probability"], s["draw"], s["decision"], s["attempts"][-1]["status"]) for s in steps])
    return ends


@pytest.fixture(scope="module")
def other_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Another server, and two nodes instead of one."""
    place = Rig(tmp_path_factory.mktemp("other"))
    try:
        place.start_server()
        sim = place.start_sim(4, nodes=2)
        place.start_agent("NODE-A", sim.ports[0])
        place.until_online(sim.groups[0])
        place.start_agent("NODE-B", sim.ports[1])
        place.until_online(sim.serials)
        yield place
    finally:
        place.close()


def test_the_same_seed_decides_the_same_everywhere(rig: Rig, rack: Sim, other_rig: Rig) -> None:
    here = rig.begin(*steps_of(rig), on=SERIALS, seed=SEED, policy={"concurrency": 4})
    there = other_rig.begin(*steps_of(other_rig), seed=SEED)
    rig.finished(here)
    other_rig.finished(there)

    seen = rows(rig, here)
    assert seen == rows(other_rig, there)
    decisions = {decision for device in seen for _, _, decision, _ in device[:STEPS]}
    assert decisions == {"executed", "skipped"}
    for device in seen:
        assert [status for *_, status in device] == [
            *("succeeded" if draw < 0.5 else "skipped" for _, draw, _, _ in device[:STEPS]),
            "failed",
        ]
    for number, serial in enumerate(SERIALS):
        told = [rack.count(serial, f"echo chance {index}") for index in range(STEPS)]
        assert told == [1 if decision == "executed" else 0 for _, _, decision, _ in seen[number][:STEPS]]

    same = rig.api.post(f"/api/runs/{here}/rerun", {"outcomes": ["failed"], "dice": "same"})["id"]
    new = rig.api.post(f"/api/runs/{here}/rerun", {"outcomes": ["failed"], "dice": "new"})["id"]
    assert (rig.finished(same)["seed"], rig.finished(new)["seed"] == SEED) == (SEED, False)
    assert rows(rig, same) == seen
    assert [draw for device in rows(rig, new) for _, draw, _, _ in device] != [
        draw for device in seen for _, draw, _, _ in device
    ]


def test_the_draw_is_the_formula_of_the_design(other_rig: Rig) -> None:
    run = other_rig.begin(other_rig.shell("true", probability=0.0), other_rig.shell("true"), seed=SEED)
    other_rig.finished(run)

    draws = [[draw for _, draw, _, _ in device] for device in rows(other_rig, run)]
    formula = [
        [int.from_bytes(blake2b(f"{SEED}:{dice}:{step}".encode(), digest_size=8).digest()) >> 11 for step in range(2)]
        for dice in range(len(SERIALS) + 1)
    ]
    possible = [[number / 2**53 for number in numbers] for numbers in formula]
    assert all(device in possible for device in draws)
    assert len({tuple(device) for device in draws}) == len(SERIALS)
    assert {status for device in rows(other_rig, run) for *_, status in device} == {"skipped", "succeeded"}
