"""Codec: what a node may send becomes facts; whatever else arrives is refused in one of two ways."""

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rackhand.core.errors import Malformed
from rackhand.core.events import ArtifactCreated, Fact, StepUpdate, TaskFinished, TaskProgress, TaskStarted
from rackhand.core.states import Decision, DeviceRunStatus, StepStatus
from rackhand.wire.codec import LEASED, MAX_TEXT, InvalidEvent, decode_event, encode, mend, split, to_fact
from rackhand.wire.messages import MAX_BATCH, Event, EventType, Heartbeat, ScanProgressPayload

NOW = 1_795_341_600_123
OCCURRED = "2026-11-22T10:00:00.123Z"
OF_RUN = {"run_id": "r1", "device_index": 7}
STEP: dict[str, Any] = {
    **OF_RUN,
    "step_index": 2,
    "attempt": 1,
    "status": "failed",
    "probability": 1,
    "draw": 0.25,
    "decision": "executed",
    "exit_code": -9,
    "output_tail": "oops",
    "output_lines": 3,
    "started_at": "1970-01-01T00:00:01Z",
    "finished_at": "1970-01-01T00:00:02Z",
    "error_message": "broken",
}
ARTIFACT: dict[str, Any] = {
    **OF_RUN,
    "artifact_id": "a1",
    "step_index": 2,
    "kind": "log",
    "content_type": "text/plain",
    "size": 5,
    "sha256": "0" * 64,
}
PROGRESS: dict[str, Any] = {
    **OF_RUN,
    "status": "waiting",
    "step_index": 2,
    "grace_left_ms": 900,
    "reason": "no answer",
}
FINISHED: dict[str, Any] = {**OF_RUN, "status": "stopped", "error_message": "by an operator"}
PAYLOADS: dict[str, dict[str, Any]] = {
    "task_started": OF_RUN,
    "task_progress": PROGRESS,
    "run_step_update": STEP,
    "artifact_created": ARTIFACT,
    "task_finished": FINISHED,
    "device_heartbeat": {"leases": ["t1"], "devices": []},
    "scan_progress": {"scan_job_id": "j1", "status": "running", "total": 3},
    "device_event": {"serial": "S1", "kind": "rebooted", "text": "no answer"},
}
step_fact = StepUpdate(
    4, NOW, 2, 1, StepStatus.FAILED, 1.0, 0.25, Decision.EXECUTED, -9, "oops", 3, 1000, 2000, "broken"
)
FACTS: dict[str, Fact] = {
    "task_started": TaskStarted(4, NOW),
    "task_progress": TaskProgress(4, NOW, DeviceRunStatus.WAITING, 2, 900, "no answer"),
    "run_step_update": step_fact,
    "artifact_created": ArtifactCreated(4, NOW, "a1", 2, "log", "text/plain", 5, "0" * 64),
    "task_finished": TaskFinished(4, NOW, DeviceRunStatus.STOPPED, "by an operator"),
}


def event(kind: str, payload: Any = None, **changed: Any) -> bytes:
    envelope = {
        "event_id": "e1",
        "type": kind,
        "node_id": "PC-01",
        "lease_token": "t1",
        "seq": 4,
        "occurred_at": OCCURRED,
        "payload": PAYLOADS.get(kind, {}) if payload is None else payload,
    }
    return json.dumps({key: value for key, value in (envelope | changed).items() if value is not ...}).encode()


def fact_of(raw: bytes, received_at: int = 5) -> Fact:
    return to_fact(*decode_event(raw), received_at)


# --- events that keep the contract -------------------------------------------------------------------------------


def test_every_type_has_an_example_here() -> None:
    assert set(PAYLOADS) == set(EventType)
    assert set(FACTS) == LEASED


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_every_leased_event_states_its_fact(kind: str) -> None:
    assert fact_of(event(kind)) == FACTS[kind]
    assert fact_of(event(kind, {**PAYLOADS[kind], "newer_field": [1]}, newer=True)) == FACTS[kind]


@pytest.mark.parametrize(("kind", "shape"), [("device_heartbeat", Heartbeat), ("scan_progress", ScanProgressPayload)])
def test_heartbeats_and_scans_need_no_lease(kind: str, shape: type) -> None:
    envelope, payload = decode_event(event(kind, lease_token=..., seq=..., occurred_at=...))

    assert isinstance(payload, shape)
    assert (envelope.lease_token, envelope.seq, envelope.occurred_at) == (None, None, None)


def test_an_event_without_a_time_happened_when_it_arrived() -> None:
    assert fact_of(event("task_started", occurred_at=...), received_at=77) == TaskStarted(4, 77)


def test_what_does_not_apply_may_be_left_out() -> None:
    least = {key: STEP[key] for key in list(STEP)[:8]}
    short_progress = {**OF_RUN, "status": "running", "step_index": 0}

    fact = fact_of(event("run_step_update", least))
    progress = fact_of(event("task_progress", short_progress))

    assert {name for name, value in asdict(fact).items() if value is None} == set(list(STEP)[8:])
    assert progress == TaskProgress(4, NOW, DeviceRunStatus.RUNNING, 0, None, None)


def test_long_texts_keep_their_end() -> None:
    fact = fact_of(event("run_step_update", {**STEP, "output_tail": "x" * 10 + "y" * MAX_TEXT}))

    assert isinstance(fact, StepUpdate)
    assert fact.output_tail == "y" * MAX_TEXT


@given(st.sampled_from(sorted(FACTS)), st.integers(1, 2**31 - 1), st.integers(0, 253_402_300_799_999))
def test_what_the_agent_encodes_the_server_reads(kind: str, seq: int, at: int) -> None:
    payload = msgspec.Raw(json.dumps(PAYLOADS[kind]).encode())
    body = encode(Event(event_id="e1", type=kind, node_id="PC-01", payload=payload, lease_token="t", seq=seq))

    [raw], is_batch = split(body)

    assert not is_batch
    assert fact_of(raw, at).seq == seq
    assert fact_of(raw, at).at == at


# --- events that break it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason", "event_id"),
    [
        (b"", "truncated", ""),
        (b"[]", "Expected `object`", ""),
        (b'{"event_id": 5}', "Expected `str`", ""),
        (b'{"event_id": "e9", "type": "x"}', "node_id", "e9"),
        (b'{"event_id": "\xff"}', "utf-8", ""),
        (event("task_started", event_id="a b"), "event_id must be", "a b"),
        (event("task_started", event_id="x" * 65), "event_id must be", "x" * 64),
        (event("coffee"), "unknown type 'coffee'", "e1"),
        (event("task_started", lease_token=...), "needs a lease_token and a seq from 1", "e1"),
        (event("task_started", lease_token=""), "needs a lease_token and a seq from 1", "e1"),
        (event("task_started", seq=...), "needs a lease_token and a seq from 1", "e1"),
        (event("task_started", seq=0), "needs a lease_token and a seq from 1", "e1"),
        (event("task_started", seq=2**31), "needs a lease_token and a seq from 1", "e1"),
        (event("task_started", seq=True), "Expected `int", "e1"),
        (event("task_started", []), "payload of task_started", "e1"),
        (event("task_finished", {**FINISHED, "status": "lost"}), "payload of task_finished", "e1"),
        (event("run_step_update", {**STEP, "status": "queued"}), "payload of run_step_update", "e1"),
        (event("device_heartbeat", {"devices": [{}]}), "payload of device_heartbeat", "e1"),
    ],
)
def test_an_invalid_event_says_why_and_who(raw: bytes, reason: str, event_id: str) -> None:
    with pytest.raises(InvalidEvent, match=reason) as refused:
        decode_event(raw)

    assert refused.value.event_id == event_id


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("task_progress", "step_index", -1),
        ("task_started", "device_index", 2**63),
        ("task_progress", "grace_left_ms", -1),
        ("run_step_update", "step_index", 2**31),
        ("run_step_update", "attempt", 0),
        ("run_step_update", "probability", 1.01),
        ("run_step_update", "probability", -0.01),
        ("run_step_update", "draw", 2),
        ("run_step_update", "exit_code", 2**31),
        ("run_step_update", "output_lines", -1),
        ("run_step_update", "started_at", "yesterday"),
        ("run_step_update", "finished_at", ""),
        ("artifact_created", "artifact_id", "../x"),
        ("artifact_created", "sha256", "0" * 63),
        ("artifact_created", "sha256", "A" * 64),
        ("artifact_created", "sha256", "0" * 64 + "\n"),
        ("artifact_created", "size", -1),
        ("artifact_created", "size", 2**53),
        ("artifact_created", "step_index", -1),
    ],
)
def test_a_value_out_of_range_is_an_invalid_event(kind: str, field: str, value: Any) -> None:
    with pytest.raises(InvalidEvent) as refused:
        fact_of(event(kind, {**PAYLOADS[kind], field: value}))

    assert refused.value.event_id == "e1"


def test_a_time_that_is_none_is_an_invalid_event() -> None:
    with pytest.raises(InvalidEvent, match="not an RFC 3339 time"):
        fact_of(event("task_started", occurred_at="2026-11-22"))


# --- bodies ------------------------------------------------------------------------------------------------------


def test_a_batch_is_taken_apart_without_looking_into_it() -> None:
    parts, is_batch = split(b'{"events": [{"event_id": 5}, null, [1, 2]], "more": 1}')

    assert (parts, is_batch) == ([b'{"event_id": 5}', b"null", b"[1, 2]"], True)
    assert split(b'{"events": []}') == ([], True)
    assert split(b' {"event_id": "e1"} ')[1] is False


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[]", "one event, or"),
        (b"null", "one event, or"),
        (b'"events"', "one event, or"),
        (b'{"events": 5}', "a batch is"),
        (b'{"events": null}', "a batch is"),
        (b'{"events":' + b"[" * 200_000, "not JSON"),
        (b'{"events": [' + b"{}," * MAX_BATCH + b"{}]}", "at most 1000 events, this one 1001"),
    ],
)
def test_a_malformed_body_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        split(body)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'{"a": "x\\u0000y"}', "x�y"),
        (b'{"a": "\\ud83d\\ude00"}', "😀"),
        (b'{"a": "\\ud83d"}', "�"),
        (b'{"a": "\\ude00\\ud83d"}', "��"),
        (b'{"a": "\\uD83Dx\\u0041"}', "�xA"),
        (b'{"a": "\\\\u0000"}', "\\u0000"),
        (b'{"a": "\\\\\\u0000"}', "\\�"),
        (b'{"a": "\xff\xfe"}', "��"),
        (b'{"a": "\xed\xa0\x80 \\ud800"}', "��� �"),
        ('{"a": "한 é"}'.encode(), "한 é"),
    ],
)
def test_text_is_mended_never_refused(sent: bytes, kept: str) -> None:
    assert msgspec.json.decode(mend(sent)) == {"a": kept}


@given(st.lists(st.text(max_size=20)), st.text(st.characters(exclude_categories=[]), max_size=20))
def test_good_json_stays_as_it_is_and_broken_text_can_be_read(good: list[str], broken: str) -> None:
    read = msgspec.json.decode(mend(json.dumps([broken, *good]).encode()))

    assert read[1:] == [text.replace("\x00", "\ufffd") for text in good]
    assert "\x00" not in read[0]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(list(EventType)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*STEP, "events", "x"]), inner),
    max_leaves=8,
)


@st.composite
def broken_events(draw: st.DrawFn) -> bytes:
    """A good event in which one or two fields of envelope or payload have become something else, maybe cut short."""
    kind = draw(st.sampled_from(sorted(PAYLOADS)))
    changes = draw(st.dictionaries(st.sampled_from(sorted(PAYLOADS[kind])), json_like, max_size=2))
    outer = draw(st.dictionaries(st.sampled_from(["event_id", "type", "seq", "occurred_at", "events"]), json_like))
    raw = event(kind, {**PAYLOADS[kind], **changes}, **outer)
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


@settings(max_examples=300)
@given(st.binary(max_size=60) | json_like.map(lambda value: json.dumps(value).encode()) | broken_events())
@example(b'{"payload":' + b"[" * 200_000)
@example(b'{"event_id":"e1","type":"device_heartbeat","node_id":"n","payload":{"x":' + b"[" * 200_000)
@example(b'{"event_id":"\\ud800"}')
@example(b'{"event_id":1e999}')
@example(b'{"seq":' + b"9" * 5000 + b"}")
def test_no_bytes_raise_anything_but_malformed_or_invalid_event(body: bytes) -> None:
    parts = [body]
    with suppress(Malformed):
        parts += split(body)[0]
    for raw in parts:
        with suppress(InvalidEvent):
            envelope, payload = decode_event(raw)
            if envelope.type in LEASED:
                assert to_fact(envelope, payload, NOW).seq >= 1
