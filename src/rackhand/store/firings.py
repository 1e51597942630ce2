"""What became of due times, in SQL: append, read, start those that wait, forget old ones. Nothing is decided here."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, insert, select, tuple_, update

from rackhand.core.clock import Millis
from rackhand.core.schedule import FiringState
from rackhand.core.states import RUN
from rackhand.store.db import Tx
from rackhand.store.metadata import literals
from rackhand.store.tables import runs, schedule_firings

_F = schedule_firings.c
_OPEN_RUN = literals(RUN.open)
ROWS_A_BATCH = 1_000
WAITING_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class FiringRow:
    """What became of one due time."""

    schedule_id: str
    due_at: Millis
    state: FiringState
    run_id: str | None
    reason: str | None
    decided_at: Millis


_COLUMNS = tuple(_F[name] for name in FiringRow.__slots__)


def _of(tx: Tx, schedule_id: str) -> tuple[ColumnElement[bool], ...]:
    return (_F.workspace_id == tx.workspace_id, _F.schedule_id == schedule_id)


def add(tx: Tx, rows: Iterable[FiringRow]) -> None:
    """Insert; the key refuses a due time that was decided before."""
    values = [
        {"workspace_id": tx.workspace_id} | {name: getattr(row, name) for name in FiringRow.__slots__} for row in rows
    ]
    if values:
        tx.conn.execute(insert(schedule_firings), values)


def page(tx: Tx, schedule_id: str, *, limit: int, before: Millis | None) -> list[FiringRow]:
    """The newest due times first, before the cursor."""
    statement = select(*_COLUMNS).where(*_of(tx, schedule_id)).order_by(_F.due_at.desc()).limit(limit)
    if before is not None:
        statement = statement.where(_F.due_at < before)
    return [_row(row) for row in tx.conn.execute(statement)]


def newest(tx: Tx, schedule_ids: Iterable[str]) -> dict[str, FiringRow]:
    """The newest row of each schedule."""
    found = (page(tx, schedule_id, limit=1, before=None) for schedule_id in schedule_ids)
    return {rows[0].schedule_id: rows[0] for rows in found if rows}


def is_busy(tx: Tx, schedule_id: str) -> bool:
    """Whether a run of the schedule is open."""
    made = select(_F.run_id).where(*_of(tx, schedule_id), _F.run_id.is_not(None))
    where = (runs.c.workspace_id == tx.workspace_id, runs.c.status.in_(_OPEN_RUN), runs.c.id.in_(made))
    return bool(tx.conn.execute(select(exists().where(*where))).scalar_one())


def waiting(tx: Tx, schedule_id: str | None = None) -> list[FiringRow]:
    """Times that wait for the end of a run, the oldest first; of one schedule, if given."""
    where = (_F.workspace_id == tx.workspace_id, _F.state.in_(literals([FiringState.WAITING])))
    statement = select(*_COLUMNS).where(*where)
    if schedule_id is not None:
        statement = statement.where(_F.schedule_id == schedule_id)
    rows = tx.conn.execute(statement.order_by(_F.schedule_id, _F.due_at).limit(WAITING_AT_ONCE))
    return [_row(row) for row in rows]


def take(tx: Tx, row: FiringRow) -> bool:
    """Lock a time that waits, so that no other replica starts it before this transaction ends; False if one did."""
    where = (*_of(tx, row.schedule_id), _F.due_at == row.due_at, _F.state == FiringState.WAITING.value)
    return tx.conn.execute(update(schedule_firings).where(*where).values(decided_at=tx.now)).rowcount == 1


def settle(tx: Tx, row: FiringRow, state: FiringState, *, run_id: str | None = None, reason: str | None = None) -> bool:
    """End the wait of a time; False if another replica did."""
    where = (*_of(tx, row.schedule_id), _F.due_at == row.due_at, _F.state == FiringState.WAITING.value)
    values = {"state": state.value, "run_id": run_id, "reason": reason, "decided_at": tx.now}
    return tx.conn.execute(update(schedule_firings).where(*where).values(values)).rowcount == 1


def forget(tx: Tx, before: Millis) -> int:
    """Remove some rows that were decided before; returns how many."""
    key = (_F.workspace_id, _F.schedule_id, _F.due_at)
    old = (_F.workspace_id == tx.workspace_id, _F.decided_at < before, _F.state != FiringState.WAITING.value)
    some = select(*key).where(*old).limit(ROWS_A_BATCH)
    return tx.conn.execute(delete(schedule_firings).where(tuple_(*key).in_(some))).rowcount


def _row(row: object) -> FiringRow:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    return FiringRow(**values | {"state": FiringState(values["state"])})
