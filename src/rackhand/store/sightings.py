"""What heartbeats read and write in SQL: devices as their nodes see them, and serials that are there twice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, select, update

from rackhand.core.clock import Millis
from rackhand.core.inventory import free_indexes
from rackhand.store.db import Tx
from rackhand.store.many import among
from rackhand.store.tables import device_conflicts, devices

_D = devices.c
_C = device_conflicts.c
_WRITTEN = (
    "node_id",
    "runtime_handle",
    "transport",
    "usb_path",
    "model",
    "os_version",
    "battery",
    "temperature_c",
    "storage_free_mb",
    "adb_state",
    "health",
    "is_simulated",
    "is_online",
    "last_error_message",
    "last_seen_at",
    "last_probe_at",
    "rev",
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node says of a device."""

    runtime_handle: str | None
    transport: str | None
    usb_path: str | None
    model: str | None
    os_version: str | None
    battery: int | None
    temperature_c: float | None
    storage_free_mb: int | None
    adb_state: str | None
    health: str | None
    is_simulated: bool
    is_online: bool
    last_error_message: str | None
    last_probe_at: Millis | None


@dataclass(frozen=True, slots=True)
class Known:
    """A device row as a heartbeat needs it."""

    id: str
    node_id: str | None
    index_no: int | None
    serial: str
    last_seen_at: Millis | None
    rev: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class Conflict:
    """An open conflict; `sightings` are [{node_id, runtime_handle, usb_path, seen_at, is_confirmed}]."""

    id: str
    serial: str
    kind: str
    node_id: str
    sightings: list[dict[str, Any]]
    first_seen_at: Millis
    last_seen_at: Millis


def _load(tx: Tx, *where: ColumnElement[bool]) -> list[Known]:
    facts = [_D[name] for name in Facts.__slots__]
    statement = select(_D.id, _D.node_id, _D.index_no, _D.serial, _D.last_seen_at, _D.rev, *facts)
    rows = tx.conn.execute(
        statement.where(_D.workspace_id == tx.workspace_id, *where).order_by(_D.id).with_for_update()
    )
    return [
        Known(row.id, row.node_id, row.index_no, row.serial, row.last_seen_at, row.rev, Facts(*row[6:])) for row in rows
    ]


def of_node(tx: Tx, node_id: str) -> list[Known]:
    """The devices of a node, locked where the database has row locks."""
    return _load(tx, _D.node_id == node_id)


def by_serials(tx: Tx, serials: Iterable[str]) -> list[Known]:
    """Devices by serial, wherever they are."""
    wanted = sorted(serials)
    return _load(tx, among(tx, _D.serial, wanted)) if wanted else []


def register(tx: Tx, node_id: str, new: Sequence[tuple[str, Facts]], rev: int) -> list[Known]:
    """Insert devices in this order, each with the lowest free index; the rev, taken before, keeps others out."""
    indexes = lowest_free_indexes(tx, len(new))
    added = [
        Known(tx.mint(), node_id, index, serial, tx.now, rev, facts)
        for index, (serial, facts) in zip(indexes, new, strict=True)
    ]
    tx.conn.execute(insert(devices), [_values(tx, row) | {"index_no": row.index_no} for row in added])
    return added


def lowest_free_indexes(tx: Tx, count: int) -> list[int]:
    """Indexes that no device has; who asks holds the fleet's rev."""
    taken = tx.conn.execute(select(_D.index_no).where(_D.workspace_id == tx.workspace_id, _D.index_no.is_not(None)))
    return free_indexes(taken.scalars(), count)


def _values(tx: Tx, row: Known) -> dict[str, Any]:
    facts = {name: getattr(row.facts, name) for name in Facts.__slots__}
    own = {"id": row.id, "node_id": row.node_id, "serial": row.serial, "rev": row.rev}
    times = {"last_seen_at": row.last_seen_at, "created_at": tx.now}
    return {"workspace_id": tx.workspace_id, "labels": {}, **own, **times, **facts}


_WRITE = (
    update(devices)
    .where(_D.workspace_id == bindparam("b_workspace_id"), _D.id == bindparam("b_id"))
    .values({name: bindparam(f"b_{name}") for name in _WRITTEN})
)


def write(tx: Tx, rows: Sequence[Known]) -> None:
    """Save what heartbeats may change of these devices: one prepared statement."""
    if rows:
        values = [_values(tx, row) for row in rows]
        wanted = ("workspace_id", "id", *_WRITTEN)
        tx.conn.execute(_WRITE, [{f"b_{name}": each[name] for name in wanted} for each in values])


def open_conflicts(tx: Tx) -> dict[str, Conflict]:
    """Unresolved conflicts by serial: few, or none."""
    statement = select(*(_C[name] for name in Conflict.__slots__))
    rows = tx.conn.execute(statement.where(_C.workspace_id == tx.workspace_id, _C.resolved_at.is_(None)))
    return {row.serial: Conflict(**row._mapping) for row in rows}


def add_conflict(tx: Tx, serial: str, kind: str, node_id: str, seen: list[dict[str, Any]]) -> None:
    """Open a conflict; the index allows one per serial."""
    values = {"serial": serial, "kind": kind, "node_id": node_id, "sightings": seen}
    times = {"first_seen_at": tx.now, "last_seen_at": tx.now}
    tx.conn.execute(insert(device_conflicts).values(workspace_id=tx.workspace_id, id=tx.mint(), **values, **times))


def refresh_conflict(tx: Tx, conflict_id: str, kind: str, node_id: str, seen: list[dict[str, Any]]) -> None:
    """A conflict was seen again."""
    where = (_C.workspace_id == tx.workspace_id, _C.id == conflict_id)
    values = {"kind": kind, "node_id": node_id, "sightings": seen, "last_seen_at": tx.now}
    tx.conn.execute(update(device_conflicts).where(*where).values(values))


def resolve_conflict(tx: Tx, conflict_id: str, by: str) -> bool:
    """Close a conflict; False if it is not open."""
    where = (_C.workspace_id == tx.workspace_id, _C.id == conflict_id, _C.resolved_at.is_(None))
    done = tx.conn.execute(update(device_conflicts).where(*where).values(resolved_at=tx.now, resolved_by=by))
    return done.rowcount == 1
