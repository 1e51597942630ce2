"""Scan jobs in SQL: insert, hand out, move, count what a scan found. No rule is decided here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update

from rackhand.core.clock import Millis
from rackhand.core.states import SCAN, ScanStatus
from rackhand.store.db import Tx
from rackhand.store.metadata import literals
from rackhand.store.tables import devices, scan_jobs

_S = scan_jobs.c
_OPEN = literals(SCAN.open)


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One row of scan_jobs; a parent has no node, a job that was asked for one node has no parent."""

    id: str
    parent_id: str | None
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


def _mine(tx: Tx) -> ColumnElement[bool]:
    return _S.workspace_id == tx.workspace_id


def _load(tx: Tx, *where: ColumnElement[bool], for_update: bool = False) -> list[ScanRow]:
    statement = select(*(_S[name] for name in ScanRow.__slots__)).where(_mine(tx), *where).order_by(_S.node_id, _S.id)
    rows = tx.conn.execute(statement.with_for_update() if for_update else statement)
    return [ScanRow(**{**dict(row._mapping), "status": ScanStatus(row.status)}) for row in rows]


def add(tx: Tx, row: ScanRow) -> None:
    """Insert a job as given."""
    values: dict[str, Any] = {name: getattr(row, name) for name in ScanRow.__slots__}
    tx.conn.execute(insert(scan_jobs).values(workspace_id=tx.workspace_id, **values))


def get(tx: Tx, scan_job_id: str, *, for_update: bool = False) -> ScanRow | None:
    """One job, or None; `for_update` locks its row where the database has row locks."""
    return next(iter(_load(tx, _S.id == scan_job_id, for_update=for_update)), None)


def children(tx: Tx, parent_id: str) -> list[ScanRow]:
    """The jobs of a parent, by node."""
    return _load(tx, _S.parent_id == parent_id)


def pending(tx: Tx, node_id: str) -> list[str]:
    """Jobs that a node has not begun, oldest first."""
    statement = select(_S.id).where(_mine(tx), _S.node_id == node_id, _S.status == "queued", _S.deadline_at >= tx.now)
    return list(tx.conn.execute(statement.order_by(_S.created_at, _S.id)).scalars())


def mark_delivered(tx: Tx, scan_job_ids: Sequence[str]) -> None:
    """Note that a node was told now."""
    tx.conn.execute(update(scan_jobs).where(_mine(tx), _S.id.in_(scan_job_ids)).values(delivered_at=tx.now))


def overdue(tx: Tx) -> list[ScanRow]:
    """Open jobs past their deadline."""
    return _load(tx, _S.status.in_(_OPEN), _S.deadline_at < tx.now, for_update=True)


def change(tx: Tx, scan_job_id: str, **values: Any) -> None:
    """Set columns of an open job."""
    tx.conn.execute(update(scan_jobs).where(_mine(tx), _S.id == scan_job_id, _S.status.in_(_OPEN)).values(values))


def count_devices(tx: Tx, node_id: str, since: Millis) -> tuple[int, int]:
    """(devices that the node's last list had, devices of the node that are new since then)."""
    d = devices.c
    listed, new = func.count().filter(d.adb_state.is_not(None)), func.count().filter(d.created_at >= since)
    statement = select(listed, new).where(d.workspace_id == tx.workspace_id, d.node_id == node_id)
    found, added = tx.conn.execute(statement).one()
    return int(found), int(added)


def shift_deadlines(tx: Tx, gap_ms: int) -> None:
    """Forgive a gap of all servers: open jobs end that much later."""
    later = update(scan_jobs).where(_mine(tx), _S.status.in_(_OPEN))
    tx.conn.execute(later.values(deadline_at=_S.deadline_at + gap_ms))
