"""Each invariant sees what it is for: facts without fault pass, and one wrong fact is one violation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.e2e.chaos.invariants import Facts, Told, check
from tests.e2e.chaos.ledger import Heard
from tests.e2e.chaos.schedule import PlannedRun, PlannedStep

from rackhand.core.states import DeviceRunStatus

COUNTS = {f"count_{status}": 0 for status in DeviceRunStatus}
ROW = {"run_id": "r", "device_index": 1}
RUN = {"id": "r", "status": "succeeded", "stop_requested_at": None, **COUNTS, "count_succeeded": 1, "count_total": 1}
DEVICE_RUN = {
    "id": "d",
    **ROW,
    "serial": "SIM00001",
    "node_id": "PC-A",
    "status": "succeeded",
    "last_error_message": "",
}
STEP = {
    **ROW,
    "step_index": 0,
    "attempt": 1,
    "status": "succeeded",
    "late_status": None,
    "exit_code": 0,
    "decision": "executed",
}
FILE = {"id": "f", **ROW, "status": "stored", "sha256": "abc"}


def heard(kind: str, at: int, answers: tuple[str, ...] = ("accepted",), **payload: Any) -> Heard:
    event = {"event_id": kind, "type": kind, "payload": ROW | payload}
    return Heard("PC-A", event, list(answers), at)


STARTED = heard("task_started", 100)
DONE = heard("run_step_update", 300, ("accepted", "duplicate"), step_index=0, attempt=1, status="succeeded")
ANNOUNCED = heard("artifact_created", 310, artifact_id="f")
FINISHED = heard("task_finished", 320, status="succeeded")
GOOD = Facts(
    runs={"r": PlannedRun(("PC-A",), (PlannedStep("shell", "echo", "once"),), 1, 0)},
    run_rows=[RUN],
    device_runs=[DEVICE_RUN],
    steps=[STEP],
    artifacts=[FILE],
    events={("PC-A", each.type): "accepted" for each in (STARTED, DONE, ANNOUNCED, FINISHED)},
    moves=[{"at": 320, "place": "run_device_states", "id": "d", "old": "running", "new": "succeeded"}],
    heard=[STARTED, DONE, ANNOUNCED, FINISHED],
    told=[Told("SIM00001", 0, 0, 200)],
    digests={"f": "abc"},
)


def with_rows(name: str, **values: Any) -> Callable[[Facts], Facts]:
    """The only row of a table with other values."""
    changed: Any = {name: [getattr(GOOD, name)[0] | values]}
    return lambda facts: replace(facts, **changed)


def moved(place: str, old: str, new: str) -> Callable[[Facts], Facts]:
    move = {"at": 400, "place": place, "id": "x", "old": old, "new": new}
    return lambda facts: replace(facts, moves=[*facts.moves, move])


def told(*at: int) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, told=[Told("SIM00001", 0, 0, each) for each in at])


def answered(*answers: str) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, heard=[STARTED, replace(DONE, answers=list(answers)), ANNOUNCED, FINISHED])


def lost(facts: Facts) -> Facts:
    """By the server, and nobody had said anything else."""
    row = DEVICE_RUN | {"status": "lost"}
    run = RUN | {"status": "failed", "count_succeeded": 0, "count_lost": 1}
    moves = [facts.moves[0] | {"new": "lost"}]
    return replace(facts, device_runs=[row], run_rows=[run], moves=moves, heard=[STARTED, DONE, ANNOUNCED])


def touched_when_lost(facts: Facts) -> Facts:
    again = [Told("SIM00001", 0, step, 900 + step) for step in range(2)]
    steps = [*facts.steps, *(STEP | {"step_index": index} for index in (1,))]
    planned = {"r": PlannedRun(("PC-A",), (PlannedStep("shell"), PlannedStep("shell")), 1, 0)}
    return replace(lost(facts), told=again, steps=steps, runs=planned, cut_off=frozenset({"PC-A"}))


WRONG: list[tuple[str, Callable[[Facts], Facts]]] = [
    ("ended", lambda facts: replace(facts, steps=[*facts.steps, STEP | {"attempt": 2, "status": "running"}])),
    ("acknowledged", lambda facts: replace(facts, events={})),
    ("acknowledged", lambda facts: replace(facts, artifacts=[])),
    ("acknowledged", with_rows("steps", status="failed")),
    ("answered", answered("accepted", "accepted")),
    ("answered", answered("accepted", "stale")),
    ("once", told(200, 210)),
    ("happened", told()),
    ("happened", with_rows("steps", decision="skipped")),
    ("reported", lambda facts: replace(facts, steps=[], heard=[STARTED, ANNOUNCED, FINISHED])),
    ("leased", told(50)),
    ("leased", lambda facts: replace(facts, heard=[DONE, ANNOUNCED, FINISHED])),
    ("leased", touched_when_lost),
    ("exclusive", moved("leases", "one", "two")),
    ("final", moved("run_device_states", "lost", "succeeded")),
    ("final", moved("run_steps", "aborted", "succeeded")),
    ("artifacts", with_rows("artifacts", status="pending")),
    ("artifacts", lambda facts: replace(facts, digests={"f": "other"})),
    ("counted", with_rows("run_rows", count_succeeded=0, count_failed=1)),
    ("innocent", lost),
]


def test_facts_without_fault_break_nothing() -> None:
    assert check(GOOD) == []


@pytest.mark.parametrize(("invariant", "spoil"), WRONG)
def test_a_wrong_fact_breaks_its_invariant(invariant: str, spoil: Callable[[Facts], Facts]) -> None:
    assert invariant in {violation.invariant for violation in check(spoil(GOOD))}


def test_a_node_without_contact_may_lose_its_leases() -> None:
    assert check(replace(lost(GOOD), cut_off=frozenset({"PC-A"}))) == []
