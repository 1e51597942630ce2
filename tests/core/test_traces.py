"""Trace ids are functions of names: server and agent agree on them without a word."""

from hypothesis import given
from hypothesis import strategies as st

from rackhand.core import traces
from rackhand.core.traces import Span

TIMES = (1_000, 2_500)


def test_spans_of_server_and_agent_form_one_tree() -> None:
    root = traces.run_span("r1", "Check", "partial", TIMES, {"succeeded": 2, "lost": 0})
    part = traces.device_run_span("r1", 7, "PC-01", "succeeded", TIMES)
    step = traces.attempt_span("r1", 7, "PC-01", (0, 2, "shell"), "failed", TIMES, "exit code 1")
    end = traces.closed_span("r1", 8, None, "lost", 2_000, "the node fell silent")

    assert {span.trace_id for span in (root, part, step, end)} == {traces.trace_id("r1")}
    assert (root.parent_id, part.parent_id, end.parent_id) == (None, root.span_id, root.span_id)
    assert step.parent_id == part.span_id
    assert (root.attributes["rackhand.count.succeeded"], "rackhand.count.lost" in root.attributes) == (2, False)
    assert (step.name, step.error, step.attributes["rackhand.attempt"]) == ("step shell", "exit code 1", 2)
    assert (end.started_at, end.ended_at, end.attributes["rackhand.node_id"]) == (2_000, 2_000, "")


@given(st.text(max_size=40), st.integers(0, 2**31), st.integers(0, 500), st.integers(1, 50))
def test_ids_fit_the_standard_and_are_never_0(run_id: str, device: int, step: int, attempt: int) -> None:
    spans = (
        traces.run_span_id(run_id),
        traces.device_run_span_id(run_id, device),
        traces.attempt_span_id(run_id, device, step, attempt),
    )
    assert 0 < traces.trace_id(run_id) < 2**128
    assert all(0 < span < 2**64 for span in spans)
    assert len(set(spans)) == 3


def test_another_attempt_is_another_span() -> None:
    assert traces.attempt_span_id("r1", 7, 0, 1) != traces.attempt_span_id("r1", 7, 0, 2)
    assert traces.trace_id("r1") != traces.trace_id("r2")


def test_untraced_takes_everything() -> None:
    traces.untraced(Span("run", 1, 1, None, 0, 0))
