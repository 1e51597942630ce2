"""Device health in SQL: what agents make of their devices, history, incidents of hubs. No rule is decided here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, delete, insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.blocks import WITH_HEALTH
from rackhand.store.db import Tx
from rackhand.store.tables import device_events, device_health, devices, hub_incidents

_D = devices.c
_E = device_events.c
_H = device_health.c
_I = hub_incidents.c
EVENTS_A_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Care:
    """The columns of device_health."""

    since_at: Millis | None = None
    reason: str | None = None
    rung: str | None = None
    rung_at: Millis | None = None
    next_rung: str | None = None
    next_at: Millis | None = None
    hold: str | None = None
    good_probes: int | None = None
    probation_probes: int | None = None
    pardoned_at: Millis | None = None
    limited_by: str | None = None
    limit_reason: str | None = None
    limited_at: Millis | None = None
    storage_total_mb: int | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """A device with its facts and what is stored of its care; `is_stored` is False if that is nothing."""

    id: str
    serial: str
    runtime_handle: str | None
    health: str | None
    battery: int | None
    temperature_c: float | None
    storage_free_mb: int | None
    is_stored: bool
    care: Care


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """One line of a device's history."""

    at: Millis
    kind: str
    text: str | None
    node_id: str | None


@dataclass(frozen=True, slots=True)
class HubIncident:
    """A hub whose devices went at once, and are not back."""

    id: str
    node_id: str
    hub: str
    serials: list[str]
    total: int
    began_at: Millis


_CARE = tuple(_H[name] for name in Care.__slots__)


def of_node(tx: Tx, node_id: str) -> list[Patient]:
    """The devices of a node."""
    names = [name for name in Patient.__slots__ if name not in ("is_stored", "care")]
    statement = select(*(_D[name] for name in names), _H.device_id, *_CARE).select_from(WITH_HEALTH)
    rows = tx.conn.execute(statement.where(_D.workspace_id == tx.workspace_id, _D.node_id == node_id).order_by(_D.id))
    return [_patient(dict(row._mapping)) for row in rows]


def _patient(row: dict[str, Any]) -> Patient:
    is_stored = row.pop("device_id") is not None
    care = Care(**{name: row.pop(name) for name in Care.__slots__})
    return Patient(**row, is_stored=is_stored, care=care)


def write(tx: Tx, device_id: str, care: Care, *, is_stored: bool) -> None:
    """Save what is made of a device."""
    values = {name: getattr(care, name) for name in Care.__slots__}
    if is_stored:
        where = (_H.workspace_id == tx.workspace_id, _H.device_id == device_id)
        tx.conn.execute(update(device_health).where(*where).values(values))
    else:
        tx.conn.execute(insert(device_health).values(workspace_id=tx.workspace_id, device_id=device_id, **values))


def pardon(tx: Tx, device_id: str) -> None:
    """People ended the quarantine that the agent set; its agent is told with the next heartbeats."""
    where = (_H.workspace_id == tx.workspace_id, _H.device_id == device_id)
    tx.conn.execute(update(device_health).where(*where).values(pardoned_at=tx.now))


def pardoned(tx: Tx, node_id: str) -> list[str]:
    """Serials on a node whose agent does not know yet that their quarantine has ended."""
    join = device_health.join(devices, and_(_D.workspace_id == _H.workspace_id, _D.id == _H.device_id))
    where = (_H.workspace_id == tx.workspace_id, _H.pardoned_at.is_not(None), _D.node_id == node_id)
    return list(tx.conn.execute(select(_D.serial).select_from(join).where(*where).order_by(_D.serial)).scalars())


def add_event(tx: Tx, serial: str, event: DeviceEvent) -> None:
    """Append to the history of a device, if there is one with this serial."""
    where = (_D.workspace_id == tx.workspace_id, _D.serial == serial)
    device_id = tx.conn.execute(select(_D.id).where(*where)).scalar_one_or_none()
    if device_id is not None:
        values = {name: getattr(event, name) for name in DeviceEvent.__slots__}
        own = {"workspace_id": tx.workspace_id, "id": tx.mint(), "device_id": device_id}
        tx.conn.execute(insert(device_events).values(own | values))


def events_of(tx: Tx, device_id: str, limit: int) -> list[DeviceEvent]:
    """The history of a device, newest first."""
    statement = select(*(_E[name] for name in DeviceEvent.__slots__)).where(
        _E.workspace_id == tx.workspace_id, _E.device_id == device_id
    )
    return [DeviceEvent(*row) for row in tx.conn.execute(statement.order_by(_E.at.desc(), _E.id.desc()).limit(limit))]


def remove_events(tx: Tx, before: Millis) -> int:
    """Remove some history from before; returns how much."""
    old = select(_E.id).where(_E.workspace_id == tx.workspace_id, _E.at < before).limit(EVENTS_A_BATCH)
    return tx.conn.execute(delete(device_events).where(_E.workspace_id == tx.workspace_id, _E.id.in_(old))).rowcount


def open_incidents(tx: Tx, node_id: str | None = None) -> list[HubIncident]:
    """Incidents that have not ended, of one node or of all."""
    statement = select(*(_I[name] for name in HubIncident.__slots__)).where(
        _I.workspace_id == tx.workspace_id, _I.ended_at.is_(None)
    )
    if node_id is not None:
        statement = statement.where(_I.node_id == node_id)
    return [HubIncident(*row) for row in tx.conn.execute(statement.order_by(_I.id))]


def begin_incident(tx: Tx, node_id: str, hub: str, serials: Sequence[str], total: int, began_at: Millis) -> None:
    own = {"workspace_id": tx.workspace_id, "id": tx.mint(), "node_id": node_id}
    facts = {"hub": hub, "serials": list(serials), "total": total, "began_at": began_at}
    tx.conn.execute(insert(hub_incidents).values(own | facts))


def grow_incident(tx: Tx, incident_id: str, serials: Sequence[str], total: int) -> None:
    where = (_I.workspace_id == tx.workspace_id, _I.id == incident_id)
    tx.conn.execute(update(hub_incidents).where(*where).values(serials=list(serials), total=total))


def end_incidents(tx: Tx, incident_ids: Iterable[str]) -> None:
    where = (_I.workspace_id == tx.workspace_id, _I.id.in_(sorted(incident_ids)))
    tx.conn.execute(update(hub_incidents).where(*where).values(ended_at=tx.now))
