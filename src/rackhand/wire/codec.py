"""Codec of the agent protocol: bytes to messages, messages to facts. Text is mended, never refused.

A request body is one event or a batch. In a batch each event is decoded alone, so that a poison one hurts no other.
"""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import DecodeError, Raw, Struct, ValidationError

from rackhand.core.clock import Millis, from_rfc3339
from rackhand.core.errors import Malformed
from rackhand.core.events import ArtifactCreated, Fact, StepUpdate, TaskFinished, TaskProgress, TaskStarted
from rackhand.core.ids import is_id
from rackhand.core.states import Decision, DeviceRunStatus, StepStatus
from rackhand.wire import messages
from rackhand.wire.messages import MAX_BATCH, Event, EventType

_ESCAPE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([0-9a-fA-F]{4})|\\.", re.DOTALL)
_MAX_INT = 2**31 - 1
_UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)  # all that the decoder raises on foreign bytes
MAX_TEXT = 64 * 1024

S = TypeVar("S", bound=Struct)
encode = msgspec.json.Encoder().encode


class _Batch(Struct, forbid_unknown_fields=False):
    events: list[Raw]


class InvalidEvent(ValueError):
    """An event that breaks the contract; `event_id` is "" when even that cannot be read."""

    def __init__(self, reason: str, event_id: str = "") -> None:
        super().__init__(reason)
        self.event_id = event_id


class _Id(Struct):
    event_id: str


_decode_raw = msgspec.json.Decoder(Raw).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_event = msgspec.json.Decoder(Event).decode
_decode_id = msgspec.json.Decoder(_Id).decode
_PAYLOADS: dict[str, Callable[[bytes], Any]] = {
    EventType.DEVICE_HEARTBEAT: msgspec.json.Decoder(messages.Heartbeat).decode,
    EventType.TASK_STARTED: msgspec.json.Decoder(messages.TaskStartedPayload).decode,
    EventType.TASK_PROGRESS: msgspec.json.Decoder(messages.TaskProgressPayload).decode,
    EventType.RUN_STEP_UPDATE: msgspec.json.Decoder(messages.StepUpdatePayload).decode,
    EventType.ARTIFACT_CREATED: msgspec.json.Decoder(messages.ArtifactCreatedPayload).decode,
    EventType.TASK_FINISHED: msgspec.json.Decoder(messages.TaskFinishedPayload).decode,
    EventType.SCAN_PROGRESS: msgspec.json.Decoder(messages.ScanProgressPayload).decode,
    EventType.DEVICE_EVENT: msgspec.json.Decoder(messages.DeviceEventPayload).decode,
}
LEASED = frozenset(EventType) - {EventType.DEVICE_HEARTBEAT, EventType.SCAN_PROGRESS, EventType.DEVICE_EVENT}
"""Event types that need a lease token and a seq."""


def mend(body: bytes) -> bytes:
    """JSON bytes with NUL escapes, lone surrogates and invalid UTF-8 replaced by U+FFFD."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        body = body.decode("utf-8", "replace").encode()
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        body = _ESCAPE.sub(_mend_escape, body)
    return body


def _mend_escape(found: re.Match[bytes]) -> bytes:
    digits = found[1]
    if digits is None:
        return found[0]
    point = int(digits, 16)
    return rb"\ufffd" if point == 0 or 0xD800 <= point <= 0xDFFF else found[0]


def split(body: bytes) -> tuple[list[bytes], bool]:
    """The events of a callback body, undecoded, and whether it is a batch; Malformed for anything else."""
    body = mend(body)
    try:
        raw = bytes(_decode_raw(body))
        if not raw.lstrip().startswith(b"{"):
            raise Malformed("a callback is a JSON object: one event, or {{events: [...]}}")
        try:
            events = [bytes(item) for item in _decode_batch(raw).events]
        except ValidationError as error:
            if "`events`" in str(error) and "missing" in str(error):
                return [raw], False
            raise Malformed("a batch is {{events: [...]}}: {reason}", reason=str(error)) from error
    except _UNREADABLE as error:
        raise Malformed("the body is not JSON: {reason}", reason=str(error)) from error
    if len(events) > MAX_BATCH:
        raise Malformed("a batch holds at most {most} events, this one {count}", most=MAX_BATCH, count=len(events))
    return events, True


def decode_event(raw: bytes) -> tuple[Event, Any]:
    """The envelope and its payload; InvalidEvent says what breaks the contract."""
    try:
        event = _decode_event(raw)
    except _UNREADABLE as error:
        raise InvalidEvent(str(error), _id_of(raw)) from error
    if not is_id(event.event_id):
        raise InvalidEvent("event_id must be 1-64 of A-Z a-z 0-9 _ -", event.event_id[:64])
    if event.type not in _PAYLOADS:
        raise InvalidEvent(f"unknown type {event.type[:40]!r}", event.event_id)
    if event.type in LEASED and (not event.lease_token or event.seq is None or not 1 <= event.seq <= _MAX_INT):
        raise InvalidEvent(f"{event.type} needs a lease_token and a seq from 1", event.event_id)
    try:
        return event, _PAYLOADS[event.type](event.payload)
    except _UNREADABLE as error:
        raise InvalidEvent(f"payload of {event.type}: {error}", event.event_id) from error


def _id_of(raw: bytes) -> str:
    try:
        return _decode_id(raw).event_id[:64]
    except _UNREADABLE:
        return ""


def to_fact(event: Event, payload: Any, received_at: Millis) -> Fact:
    """The fact that a leased event states; InvalidEvent when a value is out of range."""
    try:
        at = _time(event.occurred_at, received_at)
        _whole("device_index", payload.device_index)
        return _FACTS[event.type](event.seq or 0, at, payload)
    except ValueError as error:
        raise InvalidEvent(str(error), event.event_id) from error


def _time(text: str | None, otherwise: Any) -> Any:
    return otherwise if text is None else from_rfc3339(text)


def _started(seq: int, at: Millis, _: messages.TaskStartedPayload) -> Fact:
    return TaskStarted(seq, at)


def _progress(seq: int, at: Millis, p: messages.TaskProgressPayload) -> Fact:
    grace = None if p.grace_left_ms is None else _whole("grace_left_ms", p.grace_left_ms)
    return TaskProgress(seq, at, DeviceRunStatus(p.status), _whole("step_index", p.step_index), grace, _text(p.reason))


def _step(seq: int, at: Millis, p: messages.StepUpdatePayload) -> Fact:
    if not 0 <= p.probability <= 1 or not 0 <= p.draw <= 1:
        raise ValueError("probability and draw must be from 0 to 1")
    return StepUpdate(
        seq=seq,
        at=at,
        step_index=_whole("step_index", p.step_index),
        attempt=_whole("attempt", p.attempt, 1),
        status=StepStatus(p.status),
        probability=p.probability,
        draw=p.draw,
        decision=Decision(p.decision),
        exit_code=None if p.exit_code is None else _whole("exit_code", p.exit_code, -_MAX_INT),
        output_tail=_text(p.output_tail),
        output_lines=None if p.output_lines is None else _whole("output_lines", p.output_lines),
        started_at=_time(p.started_at, None),
        finished_at=_time(p.finished_at, None),
        error_message=_text(p.error_message),
    )


def _artifact(seq: int, at: Millis, p: messages.ArtifactCreatedPayload) -> Fact:
    if not is_id(p.artifact_id):
        raise ValueError("artifact_id must be 1-64 of A-Z a-z 0-9 _ -")
    if not re.fullmatch(r"[0-9a-f]{64}", p.sha256):
        raise ValueError("sha256 must be 64 lower-case hex digits")
    size = _whole("size", p.size, 0, 2**53 - 1)
    kind, content_type = p.kind[:64], p.content_type[:255]
    return ArtifactCreated(
        seq, at, p.artifact_id, _whole("step_index", p.step_index), kind, content_type, size, p.sha256
    )


def _finished(seq: int, at: Millis, p: messages.TaskFinishedPayload) -> Fact:
    return TaskFinished(seq, at, DeviceRunStatus(p.status), _text(p.error_message))


_FACTS: dict[str, Callable[[int, Millis, Any], Fact]] = {
    EventType.TASK_STARTED: _started,
    EventType.TASK_PROGRESS: _progress,
    EventType.RUN_STEP_UPDATE: _step,
    EventType.ARTIFACT_CREATED: _artifact,
    EventType.TASK_FINISHED: _finished,
}


def _whole(name: str, value: int, low: int = 0, high: int = _MAX_INT) -> int:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}")
    return value


def _text(value: str | None) -> str | None:
    return value if value is None else value[-MAX_TEXT:]
