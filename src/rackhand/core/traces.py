"""Traces: one per run, over server and agent. Every id is a pure function of names, so nothing is stored or sent:
whoever knows the run's id can say which span is the parent of his own. Exporting is the command line's matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from rackhand.core.clock import Millis

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work that is over. Ids are OpenTelemetry's: 128 bits for the trace, 64 for a span, never 0."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    started_at: Millis
    ended_at: Millis
    error: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


Tracer = Callable[[Span], None]
"""Takes spans that are over; must neither wait nor raise."""


def untraced(_: Span) -> None:
    """The tracer while traces are off."""


def trace_id(run_id: str) -> int:
    return _digest(16, run_id)


def run_span_id(run_id: str) -> int:
    return _digest(8, run_id)


def device_run_span_id(run_id: str, device_index: int) -> int:
    return _digest(8, run_id, device_index)


def attempt_span_id(run_id: str, device_index: int, step_index: int, attempt: int) -> int:
    return _digest(8, run_id, device_index, step_index, attempt)


def _digest(size: int, *names: str | int) -> int:
    return int.from_bytes(blake2b(":".join(map(str, names)).encode(), digest_size=size).digest(), "big") or 1


def run_span(
    run_id: str, title: str, status: str, times: tuple[Millis, Millis], counts: Mapping[str, int], error: str = ""
) -> Span:
    """The root of a run's trace; `times` are its begin and its end."""
    found: dict[str, Value] = {f"rackhand.count.{name}": count for name, count in counts.items() if count}
    about = {"rackhand.run_id": run_id, "rackhand.title": title, "rackhand.status": status, **found}
    return Span("run", trace_id(run_id), run_span_id(run_id), None, *times, error, about)


def closed_span(run_id: str, device_index: int, node_id: str | None, status: str, at: Millis, reason: str) -> Span:
    """A moment in a run's trace: the server ended a device run on its own word."""
    about = _about(run_id, device_index, node_id) | {"rackhand.status": status}
    own = _digest(8, run_id, device_index, status)
    return Span("closed by the server", trace_id(run_id), own, run_span_id(run_id), at, at, reason, about)


def device_run_span(
    run_id: str, device_index: int, node_id: str, status: str, times: tuple[Millis, Millis], error: str = ""
) -> Span:
    """A device run as its node saw it, below the run."""
    about = _about(run_id, device_index, node_id) | {"rackhand.status": status}
    own = device_run_span_id(run_id, device_index)
    return Span("device run", trace_id(run_id), own, run_span_id(run_id), *times, error, about)


def attempt_span(
    run_id: str,
    device_index: int,
    node_id: str,
    step: tuple[int, int, str],
    status: str,
    times: tuple[Millis, Millis],
    error: str = "",
) -> Span:
    """An attempt of a step, below its device run; `step` is (index, attempt, kind)."""
    index, attempt, kind = step
    about = _about(run_id, device_index, node_id) | {
        "rackhand.step_index": index,
        "rackhand.attempt": attempt,
        "rackhand.kind": kind,
        "rackhand.status": status,
    }
    own = attempt_span_id(run_id, device_index, index, attempt)
    parent = device_run_span_id(run_id, device_index)
    return Span(f"step {kind}", trace_id(run_id), own, parent, *times, error, about)


def _about(run_id: str, device_index: int, node_id: str | None) -> dict[str, Value]:
    return {"rackhand.run_id": run_id, "rackhand.device": device_index, "rackhand.node_id": node_id or ""}
