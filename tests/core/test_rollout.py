"""Rollouts: waves that are spread and can be drawn again, and what follows from how they went."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core import reasons
from rackhand.core.errors import IllegalMove, Invalid
from rackhand.core.plan import Candidate, PlannedDevice
from rackhand.core.rollout import (
    ROLLOUT_REQUEST,
    WAIT,
    Rollout,
    Verdict,
    WaveSize,
    accept,
    end_of,
    in_waves,
    judge,
    sizes_of,
)
from rackhand.core.schema import parse
from rackhand.core.states import DeviceRunStatus, RolloutState

DEFAULT = parse(ROLLOUT_REQUEST, {})
OPENS = Verdict(opens=True)


def rack(nodes: int, hubs: int, ports: int, models: tuple[str, ...] = ("A",)) -> list[PlannedDevice]:
    """Queued devices; the models take turns."""
    places = [(node, hub, port) for node in range(nodes) for hub in range(hubs) for port in range(ports)]
    return [
        planned(index, f"PC-{node}", f"1-{hub + 1}.{port + 1}", models[index % len(models)])
        for index, (node, hub, port) in enumerate(places, start=1)
    ]


def planned(index: int, node: str, usb_path: str | None, model: str) -> PlannedDevice:
    device = Candidate(f"d{index}", index, f"S{index}", node, None, {}, True, usb_path=usb_path, model=model)
    return PlannedDevice(device, index, index, DeviceRunStatus.QUEUED)


def wave(planned: list[PlannedDevice], number: int) -> list[PlannedDevice]:
    return [p for p in planned if p.wave == number]


def test_the_default_is_one_device_then_a_tenth_then_the_rest() -> None:
    assert DEFAULT == {"waves": [1, "10%", "100%"], "max_failed_ratio": 0.2, "auto": True}
    assert sizes_of(DEFAULT["waves"], 50) == (1, 4, 45)


@pytest.mark.parametrize(
    ("waves", "count", "sizes"),
    [
        ([1, "10%", "100%"], 0, ()),
        ([1, "10%", "100%"], 1, (1,)),
        ([1, "10%", "100%"], 3, (1, 2)),
        ([5, 3, "50%"], 20, (5, 5, 10)),
        (["100%"], 7, (7,)),
        ([9], 4, (4,)),
    ],
)
def test_waves_that_add_nothing_are_left_out_and_what_is_left_over_is_the_last(
    waves: list[int | str], count: int, sizes: tuple[int, ...]
) -> None:
    assert sizes_of(waves, count) == sizes


@pytest.mark.parametrize("size", [0, 1.5, "0%", "101%", "10", "x", None, True])
def test_a_wave_is_a_number_or_a_share(size: Any) -> None:
    with pytest.raises(Invalid) as refused:
        parse(ROLLOUT_REQUEST, {"waves": [1, size]})

    assert [error.path for error in refused.value.errors] == ["/waves/1"]
    assert "such as 10%" in refused.value.errors[0].message


def test_the_schema_of_a_wave_names_both() -> None:
    assert [option["type"] for option in WaveSize().json_schema()["anyOf"]] == ["integer", "string"]


@pytest.mark.parametrize("seed", range(5))
def test_the_first_waves_are_spread_over_nodes_then_hubs(seed: int) -> None:
    devices = rack(nodes=4, hubs=2, ports=6)
    rollout, drawn = in_waves(devices, {**DEFAULT, "waves": [4, 8, "50%"]}, seed)

    assert rollout.sizes == (4, 4, 16, 24)
    first, second = wave(drawn, 1), wave(drawn, 1) + wave(drawn, 2)
    assert Counter(p.device.node_id for p in first) == {f"PC-{n}": 1 for n in range(4)}
    assert set(Counter((p.device.node_id, p.device.usb_path[:3]) for p in second if p.device.usb_path).values()) == {1}


@pytest.mark.parametrize("seed", range(5))
def test_models_take_turns_where_nodes_and_hubs_leave_a_choice(seed: int) -> None:
    on_one_hub = rack(nodes=1, hubs=1, ports=9, models=("A", "A", "B"))
    rare = [planned(i, f"PC-{i}", "1-1.1", "B" if i == 9 else "A") for i in range(1, 11)]
    for devices in (on_one_hub, rare):
        drawn = in_waves(devices, {**DEFAULT, "waves": [2]}, seed)[1]
        assert {p.device.model for p in wave(drawn, 1)} == {"A", "B"}


def test_devices_without_a_hub_or_model_have_waves_too() -> None:
    devices = [planned(index, "PC-1", None, "A") for index in (1, 2, 3)]
    rollout, drawn = in_waves(devices, DEFAULT, seed=1)

    assert sorted(p.wave for p in drawn) == [1, 2, 2]
    assert rollout.is_last(2)
    assert not rollout.is_last(1)


def test_the_seed_alone_decides_and_another_one_decides_otherwise() -> None:
    devices = rack(nodes=2, hubs=2, ports=5)
    draws = [[p.wave for p in in_waves(devices, DEFAULT, seed)[1]] for seed in (1, 1, 2, 3, 4)]

    assert draws[0] == draws[1]
    assert any(draw != draws[0] for draw in draws[2:])


def test_devices_that_are_left_out_are_in_no_wave() -> None:
    devices = rack(nodes=1, hubs=1, ports=3)
    devices[1] = replace(devices[1], status=DeviceRunStatus.SKIPPED_OFFLINE)
    rollout, drawn = in_waves(devices, DEFAULT, seed=1)

    assert (drawn[1].wave, rollout.sizes) == (0, (1, 1))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.sampled_from("XY")), max_size=30),
    st.lists(st.integers(1, 40) | st.integers(1, 100).map(lambda n: f"{n}%"), min_size=1, max_size=5),
    st.integers(0, 2**53 - 1),
)
def test_every_device_is_in_one_wave_and_the_sizes_are_true(
    places: list[tuple[str, str, str]], waves: list[int | str], seed: int
) -> None:
    devices = [planned(i, node, f"1-{hub}.{i}", model) for i, (node, hub, model) in enumerate(places, start=1)]
    rollout, drawn = in_waves(devices, {**DEFAULT, "waves": waves}, seed)

    assert tuple(len(wave(drawn, number)) for number in range(1, len(rollout.sizes) + 1)) == rollout.sizes
    assert sum(rollout.sizes) == len(devices)
    assert [replace(p, wave=0) for p in drawn] == devices


def test_a_rollout_is_read_back_as_it_was_stored() -> None:
    rollout = Rollout((1, "10%"), 0.5, False, (1, 9), 2, 3)

    assert Rollout.of(rollout.as_json() | {"of a newer version": 1}) == rollout


def rolled(*sizes: int, limit: float = 0.2, auto: bool = True) -> Rollout:
    return Rollout(("100%",), limit, auto, sizes)


def test_a_wave_opens_when_the_one_before_is_final() -> None:
    rollout = rolled(1, 9, 90)

    assert judge(rollout, 1, {1: {"running": 1}, 2: {"queued": 9}}) == WAIT
    assert judge(rollout, 1, {1: {"succeeded": 1}, 2: {"queued": 9}}) == OPENS
    assert judge(rollout, 2, {1: {"succeeded": 1}, 2: {"succeeded": 8, "waiting": 1}}) == WAIT
    assert judge(rollout, 2, {1: {"succeeded": 1}, 2: {"succeeded": 7, "failed": 2}}) == OPENS


def test_more_failures_than_the_limit_halt_it_lost_ones_too() -> None:
    verdict = judge(rolled(1, 9, 90), 2, {1: {"succeeded": 1}, 2: {"succeeded": 6, "failed": 2, "lost": 1}})

    assert verdict.halts == "3 of 10 devices of the open waves failed; at most 20 % may"
    assert not verdict.opens


def test_it_halts_as_soon_as_the_limit_cannot_be_kept_any_more() -> None:
    rollout = rolled(1, 9, 90)

    assert judge(rollout, 2, {1: {"succeeded": 1}, 2: {"failed": 2, "queued": 7}}) == WAIT
    assert judge(rollout, 2, {1: {"succeeded": 1}, 2: {"failed": 3, "running": 1, "queued": 5}}).halts
    assert judge(rollout, 3, {1: {"succeeded": 10}, 3: {"failed": 21, "queued": 69}}).halts


def test_what_was_left_out_or_stopped_does_not_count() -> None:
    waves = {1: {"succeeded": 4, "failed": 1, "skipped_offline": 3, "stopped": 2}}

    assert judge(rolled(10, 10), 1, waves) == OPENS
    assert judge(rolled(10, 10, limit=0.19), 1, waves).halts


def test_a_ratio_that_binary_fractions_miss_is_not_exceeded() -> None:
    assert judge(rolled(100, 1, limit=0.29), 1, {1: {"failed": 29, "succeeded": 71}}) == OPENS


def test_a_wave_of_which_nothing_ran_proves_nothing() -> None:
    waves = {1: {"succeeded": 1}, 2: {"skipped_offline": 9}}

    assert judge(rolled(1, 9, 90), 2, waves).halts == reasons.WAVE_UNTESTED.format(wave=2)
    assert judge(rolled(1, 9), 1, {2: {"queued": 9}}).halts == reasons.WAVE_UNTESTED.format(wave=1)


def test_by_hand_every_wave_halts_it() -> None:
    verdict = judge(rolled(1, 9, auto=False), 1, {1: {"succeeded": 1}, 2: {"queued": 9}})

    assert verdict.halts == reasons.WAVE_DONE.format(wave=1, n=2)


def test_the_last_wave_ends_with_its_run() -> None:
    assert judge(rolled(1, 1), 2, {1: {"failed": 1}, 2: {"failed": 1}}) == WAIT
    assert judge(rolled(1), 1, {1: {"failed": 1}}) == WAIT
    assert judge(rolled(4), 1, {1: {"failed": 2, "running": 2}}) == WAIT


def test_a_resume_accepts_what_failed_and_weighs_only_what_follows() -> None:
    waves = {1: {"failed": 1}, 2: {"queued": 10}, 3: {"queued": 10}}
    accepted, number = accept(rolled(1, 10, 10), 1, waves)

    assert (number, accepted.accepted_failed, accepted.accepted_finished) == (2, 1, 1)
    assert judge(accepted, 2, waves | {2: {"succeeded": 8, "failed": 2}}) == OPENS
    assert judge(accepted, 2, waves | {2: {"succeeded": 7, "failed": 3}}).halts


def test_a_resume_amid_a_wave_stays_in_it() -> None:
    waves = {1: {"succeeded": 1}, 2: {"failed": 3, "queued": 7}, 3: {"queued": 10}}
    accepted, number = accept(rolled(1, 10, 10), 2, waves)

    assert number == 2
    assert judge(accepted, 2, waves) == WAIT
    assert accept(rolled(1), 1, {1: {"succeeded": 1}})[1] == 1


@pytest.mark.parametrize(
    ("state", "number", "end"),
    [("rolling", 2, "done"), ("rolling", 1, "aborted"), ("halted", 2, "aborted"), ("halted", 1, "aborted")],
)
def test_how_it_ends_with_its_run(state: str, number: int, end: str) -> None:
    assert end_of(rolled(1, 1), RolloutState(state), number) == end


def test_an_ended_rollout_does_not_end_again() -> None:
    with pytest.raises(IllegalMove):
        end_of(rolled(1), RolloutState.DONE, 1)
