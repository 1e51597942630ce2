"""Scans: ask nodes to look for devices now. A parent job rolls up one per node; that of a silent node fails at once."""

from dataclasses import dataclass
from typing import Any

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.errors import NotAllowed, NotFound
from rackhand.core.lease import Periods, is_silent
from rackhand.core.schema import Field, Record, Text
from rackhand.core.states import SCAN, ScanStatus, move
from rackhand.engine.access import Actor, audit
from rackhand.engine.nodes import ONLINE_WINDOW_MS
from rackhand.store import nodes, scans, sweeps
from rackhand.store.db import Tx
from rackhand.store.nodes import NodeRow
from rackhand.store.scans import ScanRow
from rackhand.wire.messages import ScanProgressPayload

SCAN_REQUEST = Record({"node_id": Field(Text(min=1, max=63), None)})


@dataclass(frozen=True, slots=True)
class ScanJobRef:
    """Which job asks which node."""

    scan_job_id: str
    node_id: str


@dataclass(frozen=True, slots=True)
class AcceptedScan:
    """The job to look at, and the jobs it is made of."""

    scan_job_id: str
    jobs: tuple[ScanJobRef, ...]


@dataclass(frozen=True, slots=True)
class ScanJobView:
    """One node's part. `progress` of `total` transports were looked at."""

    scan_job_id: str
    node_id: str | None
    status: ScanStatus
    progress: int
    total: int | None
    found: int
    added: int
    error_message: str | None
    started_at: Millis | None
    finished_at: Millis | None


@dataclass(frozen=True, slots=True)
class ScanView:
    """A scan and its parts."""

    scan_job_id: str
    node_id: str | None
    status: ScanStatus
    progress: int
    total: int | None
    found: int
    added: int
    error_message: str | None
    deadline_at: Millis
    created_at: Millis
    started_at: Millis | None
    finished_at: Millis | None
    jobs: tuple[ScanJobView, ...]


def create(tx: Tx, actor: Actor, body: dict[str, Any], periods: Periods) -> AcceptedScan:
    """A scan of one node, or of all that are not draining. The caller wakes the nodes of `jobs`."""
    node_id = body["node_id"]
    if node_id is not None:
        node = nodes.get(tx, node_id)
        if node is None:
            raise NotFound("there is no node {node}; no scan was started", node=node_id)
        jobs = [_start(tx, node, None, periods)]
        scan_job_id = jobs[0].scan_job_id
    else:
        scan_job_id = _add(tx, None, None, periods)
        active = [node for node in nodes.all_nodes(tx) if node.state == "active"]
        jobs = [_start(tx, node, scan_job_id, periods) for node in active]
        _roll_up(tx, scan_job_id)
    audit(tx, actor, "scan.create", f"scan:{scan_job_id}", {"nodes": [job.node_id for job in jobs]})
    return AcceptedScan(scan_job_id, tuple(jobs))


def _add(tx: Tx, parent_id: str | None, node_id: str | None, periods: Periods) -> str:
    scan_job_id, deadline_at = tx.mint(), tx.now + periods.scan_deadline_ms
    queued = ScanStatus.QUEUED
    scans.add(
        tx, ScanRow(scan_job_id, parent_id, node_id, queued, 0, None, 0, 0, None, deadline_at, tx.now, None, None)
    )
    return scan_job_id


def _start(tx: Tx, node: NodeRow, parent_id: str | None, periods: Periods) -> ScanJobRef:
    scan_job_id = _add(tx, parent_id, node.id, periods)
    if node.last_seen_at is None or is_silent(node.last_seen_at, sweeps.load(tx).resumed_at, tx.now, ONLINE_WINDOW_MS):
        message = reasons.SCAN_OF_SILENT.format(node=node.id)
        _end(tx, scan_job_id, ScanStatus.QUEUED, ScanStatus.FAILED, error_message=message)
    return ScanJobRef(scan_job_id, node.id)


def _end(tx: Tx, scan_job_id: str, old: ScanStatus, new: ScanStatus, **values: Any) -> None:
    scans.change(tx, scan_job_id, status=move(SCAN, old, new).value, finished_at=tx.now, **values)


def get(tx: Tx, scan_job_id: str) -> ScanView:
    """A scan with its parts; NotFound."""
    row = scans.get(tx, scan_job_id)
    if row is None:
        raise NotFound("there is no scan {id}", id=scan_job_id[:64])
    parts = [row] if row.node_id is not None else scans.children(tx, row.id)
    shown = {name: getattr(row, name) for name in ScanView.__slots__ if name not in ("scan_job_id", "jobs")}
    return ScanView(scan_job_id=row.id, jobs=tuple(_view(part) for part in parts), **shown)


def _view(row: ScanRow) -> ScanJobView:
    shown = {name: getattr(row, name) for name in ScanJobView.__slots__ if name != "scan_job_id"}
    return ScanJobView(scan_job_id=row.id, **shown)


def hand_out(tx: Tx, node_id: str) -> list[str]:
    """Scans for a node's pull, again and again until it reports its first progress."""
    waiting = scans.pending(tx, node_id)
    if waiting:
        scans.mark_delivered(tx, waiting)
    return waiting


def report(tx: Tx, node_id: str, payload: ScanProgressPayload) -> None:
    """Take in what a node says of a scan; news of a scan that ended are ignored. NotFound, or NotAllowed if foreign."""
    row = scans.get(tx, payload.scan_job_id, for_update=True)
    if row is None:
        raise NotFound("there is no scan {id}", id=payload.scan_job_id[:64])
    if row.node_id != node_id:
        raise NotAllowed("scan {id} is not one of node {node}", id=row.id, node=node_id)
    if SCAN.is_final(row.status):
        return
    found, added = scans.count_devices(tx, node_id, row.created_at)
    total = _whole(payload.total)
    values: dict[str, Any] = {"found": found, "added": added, "total": row.total if total is None else total}
    values["started_at"] = row.started_at or tx.now
    new = ScanStatus(payload.status)
    if SCAN.is_final(new):
        values["progress"] = values["total"] or found if new is ScanStatus.SUCCEEDED else row.progress
        values["error_message"] = (payload.error_message or reasons.SCAN_WITHOUT_REASON)[:4000]
        if new is ScanStatus.SUCCEEDED:
            values["error_message"] = None
        _end(tx, row.id, row.status, new, **values)
    else:
        scans.change(tx, row.id, status=new.value, **values)
    if row.parent_id is not None:
        _roll_up(tx, row.parent_id)


def _whole(value: int | None) -> int | None:
    return None if value is None else min(max(value, 0), 2**31 - 1)


def sweep_scans(tx: Tx, periods: Periods) -> int:
    """End scans past their deadline; one query if there are none. Returns how many jobs of nodes it ended."""
    late = scans.overdue(tx)
    jobs = [row for row in late if row.node_id is not None]
    for row in jobs:
        message = reasons.SCAN_UNANSWERED.format(node=row.node_id, n=periods.scan_deadline_ms // 1000)
        _end(tx, row.id, row.status, ScanStatus.TIMED_OUT, error_message=message)
    parents = {row.parent_id for row in jobs if row.parent_id} | {row.id for row in late if row.node_id is None}
    for parent_id in sorted(parents):
        _roll_up(tx, parent_id)
    return len(jobs)


def _roll_up(tx: Tx, parent_id: str) -> None:
    """A parent counts for all its parts, and ends with the last of them."""
    parent = scans.get(tx, parent_id, for_update=True)
    if parent is None or SCAN.is_final(parent.status):
        return
    parts = scans.children(tx, parent_id)
    values: dict[str, Any] = {
        "progress": sum(part.progress for part in parts),
        "total": sum(part.total or 0 for part in parts),
        "found": sum(part.found for part in parts),
        "added": sum(part.added for part in parts),
        "started_at": min((part.started_at for part in parts if part.started_at), default=None),
        "error_message": "; ".join(part.error_message for part in parts if part.error_message)[:4000] or None,
    }
    if all(SCAN.is_final(part.status) for part in parts):
        _end(tx, parent_id, parent.status, _outcome(parts), **values)
    else:
        status = ScanStatus.QUEUED if values["started_at"] is None else ScanStatus.RUNNING
        scans.change(tx, parent_id, status=status.value, **values)


def _outcome(parts: list[ScanRow]) -> ScanStatus:
    """The worst of the parts; of no part at all, nothing went wrong."""
    outcomes = {part.status for part in parts}
    worst = (ScanStatus.FAILED, ScanStatus.TIMED_OUT)
    return next((status for status in worst if status in outcomes), ScanStatus.SUCCEEDED)
