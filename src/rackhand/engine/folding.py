"""Folding a batch of reported events over what was loaded: malformed, duplicate, lease, apply, in order. No SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rackhand.core import dice
from rackhand.core.events import ArtifactCreated, ArtifactFacts, DeviceRunFacts, Fact, StepUpdate, fold, fold_step
from rackhand.core.heatmap import activity
from rackhand.core.ids import is_id
from rackhand.core.lease import Standing, standing
from rackhand.core.states import Verdict
from rackhand.engine.contexts import RunContext
from rackhand.engine.facts import DeviceRunMoved
from rackhand.engine.rollup import RunChange, changes_of
from rackhand.store.changes import Changes, EventKey, Loaded, NewEvent, StepKey, StepRow
from rackhand.wire.messages import Event

Status = Literal["accepted", "duplicate", "stale", "invalid"]


@dataclass(frozen=True, slots=True)
class Item:
    """One decoded event of a request; `error` says why it is invalid, and then nothing else need be there."""

    event_id: str
    event: Event | None = None
    payload: Any = None
    fact: Fact | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one event."""

    event_id: str
    status: Status
    error: str | None = None


_REPEATED: dict[Verdict, Status] = {
    Verdict.ACCEPTED: "duplicate",
    Verdict.LATE: "stale",
    Verdict.STALE: "stale",
    Verdict.INVALID: "invalid",
}
_FIRST: dict[Verdict, Status] = _REPEATED | {Verdict.ACCEPTED: "accepted"}
_STALE = "the lease is not live: nothing was changed, and what was reported is kept if the lease is known"


class Folding:
    """One batch in the making. `take` each event in order, then read `changes`, `run_changes` and `activities`."""

    def __init__(
        self,
        loaded: Loaded,
        steps: Mapping[StepKey, StepRow],
        contexts: Mapping[str, RunContext],
        changes: Changes,
    ) -> None:
        self._verdicts = dict(loaded.verdicts)
        self._before = loaded.device_runs
        self._rows = dict(loaded.device_runs)
        self._steps = dict(steps)
        self._contexts = contexts
        self.changes = changes

    def take(self, node_id: str, item: Item) -> Result:
        """Fold one event and answer it; the verdict on each new event id is kept."""
        known = self._verdicts.get((node_id, item.event_id))
        if known is not None:
            return Result(item.event_id, _REPEATED[known], item.error or _reason(known))
        verdict, error = self._judge(node_id, item)
        self.record(node_id, item, verdict)
        return Result(item.event_id, _FIRST[verdict], error)

    def is_known(self, key: EventKey) -> bool:
        return key in self._verdicts

    def record(self, node_id: str, item: Item, verdict: Verdict) -> None:
        """Keep the verdict on an event, so that its repetition gets it again."""
        if not is_id(item.event_id):
            return
        self._verdicts[node_id, item.event_id] = verdict
        event = item.event
        run_id = getattr(item.payload, "run_id", None) if verdict is not Verdict.INVALID else None
        token = event.lease_token if event else None
        kind = event.type if event else "unknown"
        self.changes.events.append(NewEvent(node_id, item.event_id, kind[:64], run_id, token, verdict))

    def _judge(self, node_id: str, item: Item) -> tuple[Verdict, str | None]:
        if item.error is not None or item.event is None or item.fact is None:
            return Verdict.INVALID, item.error or "not an event that a node may report"
        row = self._rows.get(item.event.lease_token or "")
        if row is None or row.node_id != node_id:
            return Verdict.STALE, _STALE
        error = self._mismatch(row, item)
        if error is not None:
            return Verdict.INVALID, error
        return self._apply(row, item.fact)

    def _mismatch(self, row: DeviceRunFacts, item: Item) -> str | None:
        if (item.payload.run_id, item.payload.device_index) != (row.run_id, row.device_index):
            return f"the lease is of device {row.device_index} in run {row.run_id}"
        step_index = getattr(item.fact, "step_index", 0)
        count = len(self._contexts[row.run_id].steps)
        return None if step_index < count else f"step_index must be below {count}"

    def _apply(self, row: DeviceRunFacts, fact: Fact) -> tuple[Verdict, str | None]:
        is_late = standing(row.status, row.finished_seq) is Standing.FENCED
        folded, verdict = fold(row, fact)
        if verdict is Verdict.STALE:
            return verdict, _STALE
        if isinstance(fact, StepUpdate):
            verdict = self._apply_step(row, fact, is_late=is_late)
        elif isinstance(fact, ArtifactCreated):
            self._apply_artifact(row, fact, is_late=is_late)
        if verdict is not Verdict.STALE:
            self._rows[row.lease_token or ""] = folded
            self.changes.device_runs[row.id] = folded
        return verdict, _reason(verdict)

    def _apply_step(self, row: DeviceRunFacts, fact: StepUpdate, *, is_late: bool) -> Verdict:
        key = (row.run_id, row.device_index, fact.step_index, fact.attempt)
        old = self._steps.get(key)
        facts, verdict = fold_step(old.facts if old else None, fact, row, is_late=is_late)
        if facts is not None and (old is None or facts != old.facts):
            context = self._contexts[row.run_id]
            step = context.steps[fact.step_index]
            flagged = dice.draw(context.seed, row.dice_index, fact.step_index) != facts.draw
            self._steps[key] = self.changes.steps[key] = StepRow(facts, step.id, step.kind, flagged)
        return verdict

    def _apply_artifact(self, row: DeviceRunFacts, fact: ArtifactCreated, *, is_late: bool) -> None:
        self.changes.artifacts[fact.artifact_id] = ArtifactFacts(
            id=fact.artifact_id,
            run_id=row.run_id,
            device_index=row.device_index,
            step_index=fact.step_index,
            node_id=row.node_id or "",
            kind=fact.kind,
            content_type=fact.content_type,
            size=fact.size,
            sha256=fact.sha256,
            late=is_late,
        )

    @property
    def run_changes(self) -> dict[str, RunChange]:
        """Counts and errors by run; every run that something was reported of is there."""
        moves, quiet = [], set()
        for old, new in self._pairs():
            if old.status is not new.status:
                moves.append((new.run_id, old.status, new.status, _new_error(old, new)))
            else:
                quiet.add(new.run_id)
        return {run_id: RunChange() for run_id in quiet} | changes_of(moves)

    @property
    def moves(self) -> list[DeviceRunMoved]:
        """Device runs whose status is another now."""
        now = self.changes.received_at
        return [
            DeviceRunMoved(new.run_id, new.device_index, new.node_id, new.status, False, now, _new_error(old, new))
            for old, new in self._pairs()
            if old.status is not new.status
        ]

    @property
    def activities(self) -> list[tuple[str, int, str, int]]:
        """(device_id, activity, run_id, at) of the tiles that look different now."""
        return [
            (new.device_id, int(activity(new.status)), new.run_id, self.changes.received_at)
            for old, new in self._pairs()
            if activity(old.status) is not activity(new.status)
        ]

    def _pairs(self) -> list[tuple[DeviceRunFacts, DeviceRunFacts]]:
        return [
            (old, self.changes.device_runs[old.id])
            for old in self._before.values()
            if old.id in self.changes.device_runs
        ]


def _reason(verdict: Verdict) -> str | None:
    return _STALE if verdict in (Verdict.STALE, Verdict.LATE) else None


def _new_error(old: DeviceRunFacts, new: DeviceRunFacts) -> str | None:
    return new.last_error_message if new.last_error_message != old.last_error_message else None
