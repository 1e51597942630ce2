"""Background jobs in SQL: taking a period, and how it ended. Which jobs there are is not known here."""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import jobs

_j = jobs.c


@dataclass(frozen=True, slots=True)
class JobRow:
    """How a job stands."""

    name: str
    holder: str
    started_at: Millis
    finished_at: Millis | None
    succeeded_at: Millis | None
    error_message: str | None


def take(tx: Tx, name: str, slot: int, holder: str) -> bool:
    """Take a period of a job; False if somebody took it, or a later one."""
    table = postgresql.insert(jobs) if tx.dialect == "postgresql" else sqlite.insert(jobs)
    taken = {"slot": slot, "holder": holder, "started_at": tx.now, "finished_at": None, "error_message": None}
    statement = table.values(workspace_id=tx.workspace_id, name=name, **taken)
    statement = statement.on_conflict_do_update(
        index_elements=[_j.workspace_id, _j.name], set_=taken, where=_j.slot < slot
    )
    return tx.conn.execute(statement.returning(_j.name)).first() is not None


def finish(tx: Tx, name: str, slot: int, error_message: str | None) -> None:
    """The period ended; nothing changes if a later one was taken meanwhile."""
    ended = {"finished_at": tx.now, "error_message": error_message}
    if error_message is None:
        ended["succeeded_at"] = tx.now
    where = (_j.workspace_id == tx.workspace_id, _j.name == name, _j.slot == slot)
    tx.conn.execute(update(jobs).where(*where).values(ended))


def all_jobs(tx: Tx) -> list[JobRow]:
    """Every job that ever began, by name."""
    columns = (_j.name, _j.holder, _j.started_at, _j.finished_at, _j.succeeded_at, _j.error_message)
    found = tx.conn.execute(select(*columns).where(_j.workspace_id == tx.workspace_id).order_by(_j.name))
    return [JobRow(*row) for row in found]
