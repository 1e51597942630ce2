"""Device runs in SQL, for reading: rows of a run, of a device, and what changed since a rev."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import run_device_states

_D = run_device_states.c


@dataclass(frozen=True, slots=True)
class DeviceRunRow:
    """One row of run_device_states, without the columns that only the fold needs."""

    id: str
    run_id: str
    device_id: str
    device_index: int
    dice_index: int
    node_id: str | None
    serial: str
    label: str | None
    status: str
    late_status: str | None
    exclusion_reason: str | None
    first_step_index: int
    current_step_index: int
    step_count: int
    warning_count: int
    lease_epoch: int
    grace_left_ms: int | None
    rev: int
    last_seen_at: Millis | None
    started_at: Millis | None
    finished_at: Millis | None
    last_error_message: str | None
    wave: int


def _row(row: Sequence[Any]) -> DeviceRunRow:
    return DeviceRunRow(*row)


_COLUMNS = [_D[name] for name in DeviceRunRow.__slots__]


def of_run(tx: Tx, run_id: str, *, since_rev: int = 0) -> list[DeviceRunRow]:
    """Device runs of a run by index; with `since_rev` those that changed after it."""
    where = (_D.workspace_id == tx.workspace_id, _D.run_id == run_id, _D.rev > since_rev)
    rows = tx.conn.execute(select(*_COLUMNS).where(*where).order_by(_D.device_index))
    return [_row(row) for row in rows]


def get(tx: Tx, run_id: str, device_index: int) -> DeviceRunRow | None:
    """One device run, or None."""
    where = (_D.workspace_id == tx.workspace_id, _D.run_id == run_id, _D.device_index == device_index)
    found = tx.conn.execute(select(*_COLUMNS).where(*where)).first()
    return None if found is None else _row(found)


def cells(tx: Tx, run_id: str, *, since_rev: int = 0) -> Iterable[tuple[int, str]]:
    """(device_index, status) of a run by index: what its heatmap needs."""
    where = (_D.workspace_id == tx.workspace_id, _D.run_id == run_id, _D.rev > since_rev)
    rows = tx.conn.execute(select(_D.device_index, _D.status).where(*where).order_by(_D.device_index))
    return [(row.device_index, row.status) for row in rows]
