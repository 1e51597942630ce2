"""Dice: the same seed decides the same on other machines, and every step says how it was decided."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import pytest

from rackhand.cli.fake import Rig

SEED, STEPS, DEVICES = 20_261_122, 10, 4


def steps_of(rig: Rig) -> list[dict[str, Any]]:
    """Ten steps by chance, and one that always fails, so that all devices can be run again."""
    by_chance = [rig.shell(f"echo {index}", effect="repeatable", probability=0.5) for index in range(STEPS)]
    return [*by_chance, rig.shell("false", effect="repeatable")]


def rows(rig: Rig, run: str) -> list[list[tuple[Any, ...]]]:
    """What each step of each device says of its dice, in the order of indexes."""
    ends = []
    for index in range(1, DEVICES + 1):
        steps = rig.api.get(f"/api/runs/{run}/devices/{index}")["steps"]
        ends.append([(s["probability"], s["draw"], s["decision"], s["attempts"][-1]["status"]) for s in steps])
    return ends


@pytest.fixture(scope="module")
def other_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Another server, and two nodes instead of one."""
    place = Rig(tmp_path_factory.mktemp("other"))
    try:
        place.start_server()
        sim = place.start_sim(DEVICES, nodes=2)
        place.start_agent("NODE-A", sim.ports[0])
        place.until_online(2)
        place.start_agent("NODE-B", sim.ports[1])
        place.until_online(DEVICES)
        yield place
    finally:
        place.close()


def test_the_same_seed_decides_the_same_everywhere(rig: Rig, other_rig: Rig) -> None:
    sim = rig.start_sim(DEVICES)
    rig.start_agent("PC-01", sim.ports[0])
    rig.until_online(DEVICES)
    here = rig.begin(*steps_of(rig), seed=SEED, policy={"concurrency": 4})
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
    for number, serial in enumerate(["SIM00001", "SIM00002", "SIM00003", "SIM00004"]):
        told = [sim.count(serial, f"echo {index}") for index in range(STEPS)]
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
        for dice in range(DEVICES + 1)
    ]
    possible = [[number / 2**53 for number in numbers] for numbers in formula]
    assert all(device in possible for device in draws)
    assert len({tuple(device) for device in draws}) == DEVICES
    assert {status for device in rows(other_rig, run) for *_, status in device} == {"skipped", "succeeded"}
