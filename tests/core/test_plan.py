"""Plans: an offline device is never scheduled at once, and every exclusion has its reason."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.assets import Effect
from rackhand.core.plan import Candidate, PlannedDevice, arrange, eta_ms, expect
from rackhand.core.playbook import Step
from rackhand.core.policy import OnFailure, Policy
from rackhand.core.reasons import NO_NODE, OFFLINE
from rackhand.core.states import DeviceRunStatus

QUEUED, SKIPPED = DeviceRunStatus.QUEUED, DeviceRunStatus.SKIPPED_OFFLINE
PHONE = Candidate("d1", 1, "SER1", "PC-01", None, {}, is_online=True)
STEP = Step("s1", "a1", 1, "Look", "screenshot", {}, Effect.REPEATABLE, 1.0, None, None, OnFailure.STOP_DEVICE)

candidates = st.builds(
    Candidate,
    id=st.uuids().map(str),
    index_no=st.none() | st.integers(1, 1000),
    serial=st.text("AB12", min_size=1),
    node_id=st.sampled_from([None, "PC-01", "PC-02"]),
    label=st.none(),
    labels=st.just({}),
    is_online=st.booleans(),
    blocked_by=st.sampled_from([None, "in quarantine", "the same serial twice"]),
)
policies = st.builds(
    Policy, concurrency=st.integers(1, 9), offline=st.just("skip") | st.builds(lambda s: {"wait_s": s}, st.integers(0))
)


@given(st.lists(candidates, max_size=12), policies)
def test_an_offline_device_is_never_scheduled_at_once(devices: list[Candidate], policy: Policy) -> None:
    for planned in arrange(devices, policy):
        device = planned.device
        is_ready = device.is_online and device.node_id is not None and device.blocked_by is None
        assert (planned.status is QUEUED and planned.reason is None) == is_ready
        if planned.status is QUEUED and not is_ready:
            assert (planned.reason, device.blocked_by) == (OFFLINE, None)
            assert policy.offline_wait_ms is not None
        assert planned.reason is not None or planned.status is QUEUED


@given(st.lists(candidates, max_size=12), policies)
def test_a_plan_is_in_index_order_and_loses_no_device_that_has_an_index(
    devices: list[Candidate], policy: Policy
) -> None:
    planned = arrange(devices, policy)

    assert [p.device_index for p in planned] == sorted(d.index_no for d in devices if d.index_no is not None)
    assert all(p.device_index == p.dice_index == p.device.index_no for p in planned)
    assert all(p.first_step_index == 0 for p in planned)


@pytest.mark.parametrize(
    ("device", "status", "reason"),
    [
        (PHONE, QUEUED, None),
        (replace(PHONE, is_online=False), SKIPPED, OFFLINE),
        (replace(PHONE, node_id=None), SKIPPED, NO_NODE),
        (replace(PHONE, blocked_by="in quarantine", is_online=False), SKIPPED, "in quarantine"),
    ],
)
def test_who_is_left_out_and_why(device: Candidate, status: DeviceRunStatus, reason: str | None) -> None:
    assert arrange([device], Policy()) == [PlannedDevice(device, 1, 1, status, reason)]


def test_with_wait_s_an_offline_device_waits_in_the_queue() -> None:
    [planned] = arrange([replace(PHONE, is_online=False)], Policy(offline={"wait_s": 5}))

    assert (planned.status, planned.reason) == (QUEUED, OFFLINE)


@pytest.mark.parametrize(
    ("devices", "probability", "mean", "low", "high"),
    [(0, 0.5, 0, 0, 0), (20, 1, 20, 20, 20), (20, 0, 0, 0, 0), (100, 0.5, 50, 40, 60), (4, 0.1, 0.4, 0, 2)],
)
def test_how_often_a_step_is_likely_executed(
    devices: int, probability: float, mean: float, low: int, high: int
) -> None:
    found = expect(devices, probability)

    assert found.mean == pytest.approx(mean)
    assert (found.low, found.high) == (low, high)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_expectations_stay_within_the_fleet(devices: int, probability: float) -> None:
    found = expect(devices, probability)

    assert 0 <= found.low <= found.high <= devices
    assert found.low - 1 <= found.mean <= found.high + 1


def test_the_slowest_node_makes_the_eta() -> None:
    devices = [replace(PHONE, id=f"d{n}", index_no=n, node_id="PC-01" if n <= 5 else "PC-02") for n in range(1, 8)]
    steps = [STEP, replace(STEP, id="s2", kind="wait", probability=0.5)]
    typical = {"screenshot": 1000, "wait": 500}

    assert eta_ms(arrange(devices, Policy()), steps, Policy(), typical) == 5 * 1250
    assert eta_ms(arrange(devices, Policy()), steps, Policy(concurrency=2), typical) == 3 * 1250
    assert eta_ms(arrange(devices, Policy()), steps, Policy(), {"wait": 500}) is None


def test_who_is_skipped_takes_no_time() -> None:
    planned = arrange([replace(PHONE, is_online=False)], Policy())

    assert eta_ms(planned, [STEP], Policy(), {"screenshot": 1000}) == 0
    assert eta_ms([], [], Policy(), {}) == 0
