"""The sweep's memory in SQL: when it last ran, and when the servers last came back; and its savepoints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, insert, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from rackhand.core.clock import Millis
from rackhand.core.errors import RackhandError
from rackhand.store.db import Tx
from rackhand.store.db_postgresql import RETRIED
from rackhand.store.tables import sweeps

T = TypeVar("T")
BREAKS = (RackhandError, SQLAlchemyError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a row that should not be there can make a rule raise."""


@dataclass(frozen=True, slots=True)
class SweepMemory:
    last_sweep_at: Millis | None = None
    resumed_at: Millis | None = None


def load(tx: Tx) -> SweepMemory:
    """The memory, locked where the database has row locks."""
    return _read(tx, _memory(tx).with_for_update())


def look(tx: Tx) -> SweepMemory:
    """The memory, for those that only look."""
    return _read(tx, _memory(tx))


def _memory(tx: Tx) -> Select[Any]:
    return select(sweeps.c.last_sweep_at, sweeps.c.resumed_at).where(sweeps.c.workspace_id == tx.workspace_id)


def _read(tx: Tx, statement: Select[Any]) -> SweepMemory:
    row = tx.conn.execute(statement).first()
    return SweepMemory() if row is None else SweepMemory(row.last_sweep_at, row.resumed_at)


def store(tx: Tx, *, resumed: bool = False) -> None:
    """Note this pass; `resumed` after a forgiven gap."""
    values = {"last_sweep_at": tx.now} | ({"resumed_at": tx.now} if resumed else {})
    done = tx.conn.execute(update(sweeps).where(sweeps.c.workspace_id == tx.workspace_id).values(values))
    if done.rowcount == 0:
        tx.conn.execute(insert(sweeps).values(workspace_id=tx.workspace_id, **values))


def attempt(tx: Tx, act: Callable[[], T], report: Callable[[Exception], None]) -> T | None:
    """`act` in a savepoint; what it raises is undone and reported, so that the rest of the pass goes on."""
    told = len(tx.facts)
    try:
        with tx.conn.begin_nested():
            return act()
    except BREAKS as error:
        if isinstance(error, DBAPIError) and (error.connection_invalidated or _is_transient(error)):
            raise
        del tx.facts[told:]
        report(error)
        return None


def _is_transient(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in RETRIED
