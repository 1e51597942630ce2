"""Messages: every shape goes over the wire and comes back, and newer peers may say more than we know."""

from typing import Any, get_args

import msgspec
import pytest

from rackhand.core.states import STEP, DeviceRunStatus, StepStatus, Verdict
from rackhand.wire import messages as m

DEVICE = {"runtime_handle": "emulator-5554", "adb_state": "device", "online": True}
STEP_PAYLOAD = {
    "run_id": "r1",
    "device_index": 7,
    "step_index": 0,
    "attempt": 1,
    "status": "running",
    "probability": 1.0,
    "draw": 0.5,
    "decision": "executed",
}
LEASE = {"token": "t1", "epoch": 1, "ttl_ms": 30_000, "expires_at": "2026-11-22T10:00:00.000Z"}
JOB = {
    "lease": LEASE,
    "run_id": "r1",
    "device": {"index": 7, "serial": "SER7", "runtime_handle": "usb7"},
    "steps": [{"id": "s1", "kind": "wait", "params": {"duration_ms": 5}}],
    "first_step_index": 0,
    "dice_index": 7,
    "seed": 2**53 - 1,
    "policy": {"concurrency": 1},
    "params": {"x": "1"},
}
SMALLEST: list[tuple[type[msgspec.Struct], dict[str, Any]]] = [
    (m.Event, {"event_id": "e1", "type": "task_started", "node_id": "PC-01", "payload": {"a": 1}}),
    (m.ReportedCare, {"since_ms": 5}),
    (m.ReportedDevice, DEVICE),
    (m.ReportedIncident, {"hub": "1-4", "age_ms": 9, "serials": ["SER7"], "total": 7}),
    (m.ReportedNode, {}),
    (m.Heartbeat, {}),
    (m.TaskStartedPayload, {"run_id": "r1", "device_index": 7}),
    (m.TaskProgressPayload, {"run_id": "r1", "device_index": 7, "status": "waiting", "step_index": 0}),
    (m.StepUpdatePayload, STEP_PAYLOAD),
    (
        m.ArtifactCreatedPayload,
        {
            "artifact_id": "a1",
            "run_id": "r1",
            "device_index": 7,
            "step_index": 0,
            "kind": "log",
            "content_type": "text/plain",
            "size": 1,
            "sha256": "0" * 64,
        },
    ),
    (m.TaskFinishedPayload, {"run_id": "r1", "device_index": 7, "status": "succeeded"}),
    (m.ScanProgressPayload, {"scan_job_id": "j1", "status": "running"}),
    (m.DeviceEventPayload, {"serial": "SER7", "kind": "rebooted"}),
    (m.LeaseGrant, LEASE),
    (m.JobDevice, {"index": 7, "serial": "SER7", "runtime_handle": "usb7"}),
    (m.Job, JOB),
    (m.ScanRequest, {"scan_job_id": "j1"}),
    (m.PullRequest, {"node_id": "PC-01"}),
    (m.PullAnswer, {}),
    (m.Renewal, {"token": "t1", "ttl_ms": 30_000}),
    (m.SingleAnswer, {"ok": True}),
    (m.BatchResult, {"event_id": "e1", "status": "accepted"}),
    (m.BatchAnswer, {"results": []}),
]
every_shape = pytest.mark.parametrize(("shape", "least"), SMALLEST, ids=[shape.__name__ for shape, _ in SMALLEST])


def test_no_shape_is_left_out() -> None:
    shapes = [cls for cls in vars(m).values() if isinstance(cls, type) and issubclass(cls, msgspec.Struct)]

    assert [cls for cls in shapes if cls is not msgspec.Struct] == [shape for shape, _ in SMALLEST]


@every_shape
def test_the_smallest_message_comes_back(shape: type[msgspec.Struct], least: dict[str, Any]) -> None:
    message = msgspec.json.decode(msgspec.json.encode(least), type=shape)

    again = msgspec.json.decode(msgspec.json.encode(message), type=shape)

    assert msgspec.json.encode(again) == msgspec.json.encode(message)
    assert all(getattr(again, name) == getattr(message, name) for name in least)


@every_shape
def test_unknown_fields_of_a_newer_peer_are_ignored(shape: type[msgspec.Struct], least: dict[str, Any]) -> None:
    newer = {**least, "from_the_future": [1, {"x": None}]}

    message = msgspec.json.decode(msgspec.json.encode(newer), type=shape)

    assert b"from_the_future" not in msgspec.json.encode(message)


@every_shape
def test_every_field_of_the_smallest_message_is_needed_and_typed(
    shape: type[msgspec.Struct], least: dict[str, Any]
) -> None:
    for name in least:
        without = {key: value for key, value in least.items() if key != name}
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.json.decode(msgspec.json.encode(without), type=shape)
        if name != "payload":
            with pytest.raises(msgspec.ValidationError, match=name):
                msgspec.json.decode(msgspec.json.encode({**least, name: {"wrong": []}} | {name: None}), type=shape)


def test_a_heartbeat_without_devices_is_not_one_of_an_empty_node() -> None:
    silent, empty = (msgspec.json.decode(body, type=m.Heartbeat) for body in (b"{}", b'{"devices": []}'))

    assert silent.devices is msgspec.UNSET
    assert empty.devices == []
    assert msgspec.json.encode(silent) == b"{}"
    assert msgspec.json.encode(empty) == b'{"devices":[]}'


def test_a_heartbeat_tells_everything_of_a_device() -> None:
    full = {
        **DEVICE,
        "serial": "SER7",
        "transport": "usb",
        "usb_path": "1-2.3",
        "probe_age_ms": 900,
        "health": "good",
        "simulated": True,
        "model": "Pixel",
        "os_version": "15",
        "battery": 88,
        "temperature_c": 31.5,
        "storage_free_mb": 20_000,
        "storage_total_mb": 64_000,
        "last_error_message": "none",
        "care": {
            "since_ms": 5,
            "reason": "gone",
            "rung": "reboot",
            "rung_age_ms": 3,
            "next_rung": "quarantine",
            "next_in_ms": 7,
            "hold": "hub",
            "good_probes": 1,
            "probation_probes": 12,
        },
    }
    incident = {"hub": "1-4", "age_ms": 9, "serials": ["SER7"], "total": 7}
    body = msgspec.json.encode(
        {"node": {"concurrency": 32}, "leases": ["t1"], "devices": [full], "incidents": [incident]}
    )

    heartbeat = msgspec.json.decode(body, type=m.Heartbeat)

    assert msgspec.json.decode(msgspec.json.encode(heartbeat)) == msgspec.json.decode(body)


def test_the_words_of_the_wire_are_those_of_the_states() -> None:
    def words(shape: type[msgspec.Struct]) -> set[str]:
        return set(get_args(shape.__annotations__["status"]))

    assert words(m.StepUpdatePayload) == set(StepStatus) - {StepStatus.QUEUED}
    assert words(m.StepUpdatePayload) >= STEP.final
    assert words(m.TaskProgressPayload) | words(m.TaskFinishedPayload) <= set(DeviceRunStatus)
    assert words(m.BatchResult) == set(Verdict) - {Verdict.LATE} | {"duplicate"}


def test_the_event_types_and_limits_are_those_of_the_contract() -> None:
    assert [kind.value for kind in m.EventType] == [
        "device_heartbeat",
        "task_started",
        "task_progress",
        "run_step_update",
        "artifact_created",
        "task_finished",
        "scan_progress",
        "device_event",
    ]
    assert (m.PROTOCOL, m.MAX_BATCH, m.MAX_TAIL_BYTES) == (1, 1000, 16_384)


def test_an_answer_to_one_event_always_says_whether_it_is_a_duplicate() -> None:
    assert msgspec.json.decode(msgspec.json.encode(m.SingleAnswer(ok=True))) == {"ok": True, "duplicate": False}
    assert msgspec.json.decode(msgspec.json.encode(m.SingleAnswer(ok=True, duplicate=True)))["duplicate"] is True
