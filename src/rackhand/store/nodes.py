"""Nodes in SQL: enrol, read, change, delete, and who has gone silent. No rule is decided here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import devices, nodes, sweeps, unidentified_transports

_N = nodes.c


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One row of nodes, without its secret."""

    id: str
    name: str
    agent_version: str | None
    adb_version: str | None
    capacity: int
    state: str
    is_online: bool
    last_seen_at: Millis | None
    last_error_message: str | None
    rev: int
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport whose serial cannot be read."""

    node_id: str
    runtime_handle: str
    adb_state: str | None
    last_error_message: str | None
    last_seen_at: Millis


_COLUMNS = [_N[name] for name in NodeRow.__slots__]


def _this(tx: Tx, node_id: str) -> tuple[ColumnElement[bool], ...]:
    return (_N.workspace_id == tx.workspace_id, _N.id == node_id)


def add(tx: Tx, node_id: str, name: str, token_hash: str, rev: int) -> None:
    """Insert a node that has never been seen."""
    values = {"id": node_id, "name": name, "token_hash": token_hash, "rev": rev, "created_at": tx.now}
    tx.conn.execute(insert(nodes).values(workspace_id=tx.workspace_id, **values))


def get(tx: Tx, node_id: str, *, for_update: bool = False) -> NodeRow | None:
    """One node, or None; `for_update` locks its row where the database has row locks."""
    statement = select(*_COLUMNS).where(*_this(tx, node_id))
    row = tx.conn.execute(statement.with_for_update() if for_update else statement).first()
    return None if row is None else NodeRow(**row._mapping)


def all_nodes(tx: Tx, *, since: int = -1) -> list[NodeRow]:
    """Nodes in the order of their ids; only those that changed after the rev `since`, if given."""
    statement = select(*_COLUMNS).where(_N.workspace_id == tx.workspace_id, _N.rev > since).order_by(_N.id)
    return [NodeRow(**row._mapping) for row in tx.conn.execute(statement)]


def change(tx: Tx, node_id: str, **values: Any) -> None:
    """Set columns of one node."""
    tx.conn.execute(update(nodes).where(*_this(tx, node_id)).values(values))


def remove(tx: Tx, node_id: str, rev: int) -> None:
    """Delete a node; its devices stay, without a node and offline."""
    d = devices.c
    orphans = update(devices).where(d.workspace_id == tx.workspace_id, d.node_id == node_id)
    tx.conn.execute(orphans.values(node_id=None, is_online=False, rev=rev))
    tx.conn.execute(delete(nodes).where(*_this(tx, node_id)))


def silent_since(tx: Tx, before: Millis) -> list[str]:
    """Nodes still shown online that were last seen before then; none while the servers have only just resumed."""
    resumed = select(sweeps.c.resumed_at).where(sweeps.c.workspace_id == tx.workspace_id).scalar_subquery()
    statement = select(_N.id).where(
        _N.workspace_id == tx.workspace_id,
        _N.is_online,
        func.coalesce(_N.last_seen_at, 0) < before,
        func.coalesce(resumed, 0) < before,
    )
    return list(tx.conn.execute(statement.order_by(_N.id).with_for_update(of=nodes)).scalars())


def mark_offline(tx: Tx, node_ids: Sequence[str], rev: int) -> int:
    """Nodes and their devices are offline from now on; returns how many devices were online."""
    d = devices.c
    theirs = (d.workspace_id == tx.workspace_id, d.node_id.in_(node_ids), d.is_online)
    tx.conn.execute(
        update(nodes).where(_N.workspace_id == tx.workspace_id, _N.id.in_(node_ids)).values(is_online=False, rev=rev)
    )
    return tx.conn.execute(update(devices).where(*theirs).values(is_online=False, rev=rev)).rowcount


def device_counts(tx: Tx) -> dict[str, tuple[int, int]]:
    """(devices, of these online) by node."""
    d = devices.c
    online = func.count().filter(d.is_online)
    statement = select(d.node_id, func.count(), online).where(d.workspace_id == tx.workspace_id).group_by(d.node_id)
    return {row[0]: (row[1], row[2]) for row in tx.conn.execute(statement) if row[0] is not None}


def transports(tx: Tx, node_id: str | None = None) -> list[Transport]:
    """Unidentified transports, of one node or of all."""
    u = unidentified_transports.c
    statement = select(*(u[name] for name in Transport.__slots__)).where(u.workspace_id == tx.workspace_id)
    if node_id is not None:
        statement = statement.where(u.node_id == node_id)
    return [Transport(**row._mapping) for row in tx.conn.execute(statement.order_by(u.node_id, u.runtime_handle))]


def replace_transports(tx: Tx, node_id: str, rows: Sequence[Transport]) -> None:
    """The whole list of a node's unidentified transports."""
    u = unidentified_transports.c
    tx.conn.execute(delete(unidentified_transports).where(u.workspace_id == tx.workspace_id, u.node_id == node_id))
    if rows:
        values = [{name: getattr(row, name) for name in Transport.__slots__} for row in rows]
        tx.conn.execute(insert(unidentified_transports), [{"workspace_id": tx.workspace_id, **v} for v in values])
