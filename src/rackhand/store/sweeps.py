"""The sweep's memory in SQL: when it last ran, and when the servers last came back."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import sweeps


@dataclass(frozen=True, slots=True)
class SweepMemory:
    last_sweep_at: Millis | None = None
    resumed_at: Millis | None = None


def load(tx: Tx) -> SweepMemory:
    """The memory, locked where the database has row locks."""
    statement = select(sweeps.c.last_sweep_at, sweeps.c.resumed_at).where(sweeps.c.workspace_id == tx.workspace_id)
    row = tx.conn.execute(statement.with_for_update()).first()
    return SweepMemory() if row is None else SweepMemory(row.last_sweep_at, row.resumed_at)


def store(tx: Tx, *, resumed: bool = False) -> None:
    """Note this pass; `resumed` after a forgiven gap."""
    values = {"last_sweep_at": tx.now} | ({"resumed_at": tx.now} if resumed else {})
    done = tx.conn.execute(update(sweeps).where(sweeps.c.workspace_id == tx.workspace_id).values(values))
    if done.rowcount == 0:
        tx.conn.execute(insert(sweeps).values(workspace_id=tx.workspace_id, **values))
