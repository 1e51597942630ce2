"""Reruns: a new run over the devices of a finished one, by outcome, from the start or from the failed step."""

from collections.abc import Mapping, Sequence
from typing import Any

from rackhand.core.assets import Effect
from rackhand.core.errors import FieldError, Invalid
from rackhand.core.plan import PlannedDevice, arrange
from rackhand.core.playbook import Step
from rackhand.core.rollout import ROLLOUT_REQUEST
from rackhand.core.schema import Boolean, Choice, Field, ListOf, Record
from rackhand.core.states import UNKNOWN_OUTCOMES, DeviceRunStatus, StepStatus
from rackhand.engine import playbooks
from rackhand.engine.run_requests import Resolved
from rackhand.engine.runs import Created, Origin, insert_run, load_run, refuse_open
from rackhand.store import device_runs, inventory, run_secrets, steps
from rackhand.store.db import Tx
from rackhand.store.device_runs import DeviceRunRow
from rackhand.store.runs import RunRow

OUTCOMES = ("failed", "lost", "skipped_offline", "stopped")
RERUN = Record(
    {
        "outcomes": Field(ListOf(Choice(OUTCOMES), 1, len(OUTCOMES)), ["failed", "lost", "skipped_offline"]),
        "from": Field(Choice(("start", "failed_step")), "start"),
        "dice": Field(Choice(("same", "new")), "same"),
        "repeat_unknown": Field(Boolean(), False),
        "include_late": Field(Boolean(), False),
        "rollout": Field(ROLLOUT_REQUEST, None),
    }
)
_DONE = (StepStatus.SUCCEEDED.value, StepStatus.SKIPPED.value)


def rerun(tx: Tx, run_id: str, request: dict[str, Any], actor: str | None, remote_addr: str | None = None) -> Created:
    """A new run over the device runs of `run_id` with these outcomes; Conflict while it is unfinished."""
    parent = load_run(tx, run_id)
    refuse_open(parent)
    found = playbooks.load_revision(tx, parent.playbook_id, parent.playbook_revision)
    rows = [row for row in device_runs.of_run(tx, run_id) if _is_wanted(row, request)]
    firsts = _first_steps(tx, rows, found.steps, request)
    rows = [row for row in rows if row.id in firsts]
    if not rows:
        raise Invalid([FieldError("/outcomes", "no device of this run matches; no run was created")])
    planned = _plan(tx, parent, rows, firsts)
    if not planned:
        raise Invalid([FieldError("/outcomes", "the devices that match are gone from the inventory")])
    resolved = Resolved(
        title=parent.title,
        playbook_id=parent.playbook_id,
        playbook_revision=parent.playbook_revision,
        steps=tuple(found.steps),
        target=parent.target,
        params=parent.params,
        policy=parent.policy,
        seed=parent.seed if request["dice"] == "same" else None,
        rollout=request["rollout"],
    )
    origin = Origin("rerun", actor, parent.id, request, remote_addr=remote_addr, sealed=run_secrets.get(tx, parent.id))
    return insert_run(tx, resolved, (parent.playbook_id, parent.playbook_revision), planned, origin)


def _is_wanted(row: DeviceRunRow, request: Mapping[str, Any]) -> bool:
    if row.late_status == DeviceRunStatus.SUCCEEDED and not request["include_late"]:
        return False
    return row.status in request["outcomes"]


def _first_steps(
    tx: Tx, rows: Sequence[DeviceRunRow], definition: Sequence[Step], request: Mapping[str, Any]
) -> dict[str, int]:
    """First step by device run id; device runs that must not be repeated are left out."""
    if request["from"] == "start":
        return {row.id: 0 for row in rows}
    last: dict[int, dict[int, str]] = {}
    for device_index, step_index, status in steps.outcomes(tx, rows[0].run_id) if rows else []:
        last.setdefault(device_index, {})[step_index] = status
    firsts = {}
    for row in rows:
        ended = last.get(row.device_index, {})
        first = first_undone(row.first_step_index, ended)
        if first >= len(definition):
            continue
        if request["repeat_unknown"] or not _is_risky(first, ended, definition, row):
            firsts[row.id] = first
    return firsts


def first_undone(first_step_index: int, ended: Mapping[int, str]) -> int:
    """The first step that neither succeeded nor was skipped; an earlier run's steps count as done."""
    index = first_step_index
    while ended.get(index) in _DONE:
        index += 1
    return index


def _is_risky(index: int, ended: Mapping[int, str], definition: Sequence[Step], row: DeviceRunRow) -> bool:
    """Whether the step may already have taken effect, and must not do so twice. Of a device run that was lost nobody
    knows whether the node went on to a step that it could not report."""
    if definition[index].effect is not Effect.ONCE:
        return False
    if index not in ended:
        return row.status == DeviceRunStatus.LOST and row.started_at is not None and row.late_status is None
    return ended[index] in UNKNOWN_OUTCOMES or ended[index] == StepStatus.RUNNING


def _plan(tx: Tx, parent: RunRow, rows: Sequence[DeviceRunRow], firsts: Mapping[str, int]) -> list[PlannedDevice]:
    """The same devices as they are now; their dice stay those of the parent."""
    by_device = {row.device_id: row for row in rows}
    now = inventory.candidates(tx, tx.now, parent.policy.online_window_s, inventory.these(tx, list(by_device)))
    return [
        PlannedDevice(
            device=p.device,
            device_index=p.device_index,
            dice_index=by_device[p.device.id].dice_index,
            status=p.status,
            reason=p.reason,
            first_step_index=firsts[by_device[p.device.id].id],
        )
        for p in arrange(now, parent.policy)
    ]
