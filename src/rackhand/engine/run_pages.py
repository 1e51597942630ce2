"""What the page of one run shows, of one moment: devices, failures that are alike, who waits, spans of the timeline."""

from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.core.failures import Failure, Group, group
from rackhand.core.playbook import Step
from rackhand.core.states import RUN, DeviceRunStatus, RunStatus
from rackhand.engine import playbooks, run_views
from rackhand.engine.run_views import DeviceCell, RunDetail, RunView
from rackhand.store import runs, steps
from rackhand.store.db import Tx
from rackhand.store.steps import Span

ROWS = 50
"""Devices on one page of the timeline."""
_FAILED = (DeviceRunStatus.FAILED.value, DeviceRunStatus.LOST.value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device that does not answer, and what is left of its grace now; None if its node did not say."""

    cell: DeviceCell
    left_ms: int | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """`shown` are the devices of one page of the timeline, `spans` their attempts; `now` is the database's moment."""

    detail: RunDetail
    is_final: bool
    playbook_title: str
    steps: tuple[Step, ...]
    waiting: tuple[Waiting, ...]
    groups: tuple[Group, ...]
    skipped: tuple[DeviceCell, ...]
    shown: tuple[DeviceCell, ...]
    pages: int
    spans: tuple[Span, ...]
    children: tuple[RunView, ...]
    now: Millis


def read(tx: Tx, run_id: str, page: int = 1) -> RunPage:
    """The run; NotFound. `page` of the timeline counts from 1, the devices that started last come first."""
    detail = run_views.get_run(tx, run_id)
    assert detail is not None  # asked without `since`
    run, cells = detail.run, detail.heatmap.devices
    found = playbooks.load_revision(tx, run.playbook_id, run.playbook_revision)
    begun = sorted((cell for cell in cells if cell.started_at is not None), key=_newest_first)
    shown = begun[(page - 1) * ROWS : page * ROWS]
    return RunPage(
        detail=detail,
        is_final=RunStatus(run.status) not in RUN.open,
        playbook_title=found.title,
        steps=tuple(found.steps),
        waiting=tuple(_waiting(cell, tx.now) for cell in cells if cell.status == DeviceRunStatus.WAITING.value),
        groups=tuple(group(_failure(cell) for cell in cells if cell.status in _FAILED)),
        skipped=tuple(cell for cell in cells if cell.status == DeviceRunStatus.SKIPPED_OFFLINE.value),
        shown=tuple(shown),
        pages=max(1, -(-len(begun) // ROWS)),
        spans=tuple(steps.spans(tx, run_id, [cell.index for cell in shown])),
        children=tuple(run_views.view_run(row) for row in runs.page(tx, limit=10, parent_run_id=run_id)),
        now=tx.now,
    )


def _newest_first(cell: DeviceCell) -> tuple[int, int]:
    return (-(cell.started_at or 0), cell.index)


def _waiting(cell: DeviceCell, now: Millis) -> Waiting:
    if cell.grace_left_ms is None or cell.last_seen_at is None:
        return Waiting(cell, None)
    return Waiting(cell, max(0, cell.grace_left_ms - (now - cell.last_seen_at)))


def _failure(cell: DeviceCell) -> Failure:
    return Failure(cell.index, cell.current_step_index, cell.last_error_message or "")
