"""Schedules in SQL: make, read, change, and the one statement by which a replica claims a due time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, tuple_, update

from rackhand.core.clock import Millis
from rackhand.core.schedule import Misfire, Overlap
from rackhand.store.db import Tx
from rackhand.store.run_secrets import Sealed
from rackhand.store.tables import playbooks, schedule_secrets, schedules

_S = schedules.c
_SECRET = schedule_secrets.c
DUE_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One row of schedules."""

    id: str
    title: str
    playbook_id: str
    target: dict[str, Any]
    params: dict[str, str]
    policy: dict[str, Any]
    rollout: dict[str, Any] | None
    cron: str
    time_zone: str
    misfire: Misfire
    overlap: Overlap
    is_enabled: bool
    next_at: Millis | None
    last_at: Millis | None
    last_run_id: str | None
    last_error_message: str | None
    created_at: Millis
    created_by: str | None
    revision: int


_COLUMNS = tuple(_S[name] for name in ScheduleRow.__slots__)


def _this(tx: Tx, schedule_id: str) -> tuple[ColumnElement[bool], ...]:
    return (_S.workspace_id == tx.workspace_id, _S.id == schedule_id)


def _row(row: Any) -> ScheduleRow:
    values = dict(row._mapping)
    return ScheduleRow(
        **values | {"misfire": Misfire(values["misfire"]), "overlap": Overlap(values["overlap"])},
    )


def add(tx: Tx, row: ScheduleRow) -> None:
    """Insert a schedule as it is."""
    values = {name: getattr(row, name) for name in ScheduleRow.__slots__}
    tx.conn.execute(insert(schedules).values(workspace_id=tx.workspace_id, **values))


def get(tx: Tx, schedule_id: str, *, for_update: bool = False) -> ScheduleRow | None:
    """One schedule, or None; `for_update` locks its row where the database has row locks."""
    statement = select(*_COLUMNS).where(*_this(tx, schedule_id))
    found = tx.conn.execute(statement.with_for_update() if for_update else statement).first()
    return None if found is None else _row(found)


def page(tx: Tx, *, limit: int, after: tuple[str, str] | None, playbook_id: str | None) -> list[ScheduleRow]:
    """By title, after the cursor `(title, id)`; only those of a playbook, if given."""
    statement = select(*_COLUMNS).where(_S.workspace_id == tx.workspace_id).order_by(_S.title, _S.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(_S.title, _S.id) > tuple_(*after))
    if playbook_id is not None:
        statement = statement.where(_S.playbook_id == playbook_id)
    return [_row(row) for row in tx.conn.execute(statement)]


def titles_of_playbooks(tx: Tx, ids: set[str]) -> dict[str, str]:
    """Titles of playbooks, archived ones too."""
    p = playbooks.c
    rows = tx.conn.execute(select(p.id, p.title).where(p.workspace_id == tx.workspace_id, p.id.in_(sorted(ids))))
    return {row.id: row.title for row in rows}


def change(tx: Tx, schedule_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of one schedule."""
    tx.conn.execute(update(schedules).where(*_this(tx, schedule_id)).values(dict(values)))


def remove(tx: Tx, schedule_id: str) -> None:
    """Delete a schedule with its history; its runs stay."""
    tx.conn.execute(delete(schedules).where(*_this(tx, schedule_id)))


def due(tx: Tx) -> list[str]:
    """Some schedules whose next time has come, the most overdue first."""
    where = (_S.workspace_id == tx.workspace_id, _S.is_enabled, _S.next_at <= tx.now)
    return list(tx.conn.execute(select(_S.id).where(*where).order_by(_S.next_at).limit(DUE_AT_ONCE)).scalars())


def claim(tx: Tx, row: ScheduleRow, next_at: Millis | None) -> bool:
    """Move on from the due time that was read; False if another replica did, or somebody changed or paused it."""
    where = (*_this(tx, row.id), _S.next_at == row.next_at, _S.revision == row.revision, _S.is_enabled)
    return tx.conn.execute(update(schedules).where(*where).values(next_at=next_at)).rowcount == 1


def set_secrets(tx: Tx, schedule_id: str, sealed: Mapping[str, Sealed]) -> None:
    """Replace all sealed values of a schedule."""
    own = {"workspace_id": tx.workspace_id, "schedule_id": schedule_id}
    where = (_SECRET.workspace_id == tx.workspace_id, _SECRET.schedule_id == schedule_id)
    tx.conn.execute(delete(schedule_secrets).where(*where))
    if sealed:
        rows = [own | {"name": name, "sealed": sealed[name]} for name in sorted(sealed)]
        tx.conn.execute(insert(schedule_secrets), rows)


def secrets_of(tx: Tx, schedule_id: str) -> dict[str, Sealed]:
    """The sealed values of a schedule by name."""
    where = (_SECRET.workspace_id == tx.workspace_id, _SECRET.schedule_id == schedule_id)
    rows = tx.conn.execute(select(_SECRET.name, _SECRET.sealed).where(*where).order_by(_SECRET.name))
    return {name: Sealed(sealed) for name, sealed in rows}
