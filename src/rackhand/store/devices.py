"""Devices in SQL as operators see and change them. What heartbeats write is in sightings; no rule is decided here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_, update

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.states import DEVICE_RUN
from rackhand.store import blocks
from rackhand.store.db import Tx
from rackhand.store.inventory import open_conflict
from rackhand.store.tables import device_conflicts, device_health, devices, nodes, run_device_states, runs

_D = devices.c
_R = run_device_states.c
LAST = 2**31 - 1
"""Where devices without an index stand in a list: after all others."""
_RANK = func.coalesce(_D.index_no, LAST)


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One row of devices, and whether its node is online and its serial in conflict."""

    id: str
    node_id: str | None
    index_no: int | None
    serial: str
    runtime_handle: str | None
    transport: str | None
    usb_path: str | None
    label: str | None
    labels: dict[str, str]
    model: str | None
    os_version: str | None
    battery: int | None
    temperature_c: float | None
    storage_free_mb: int | None
    adb_state: str | None
    health: str | None
    is_simulated: bool
    is_online: bool
    activity: int
    activity_run_id: str | None
    activity_at: Millis | None
    quarantined_at: Millis | None
    quarantine_reason: str | None
    last_seen_at: Millis | None
    last_probe_at: Millis | None
    last_error_message: str | None
    rev: int
    created_at: Millis
    node_is_online: bool
    node_last_seen_at: Millis | None
    has_conflict: bool
    health_since_at: Millis | None
    health_reason: str | None
    rung: str | None
    rung_at: Millis | None
    next_rung: str | None
    next_at: Millis | None
    hold: str | None
    good_probes: int | None
    probation_probes: int | None
    pardoned_at: Millis | None
    limited_by: str | None
    limit_reason: str | None
    limited_at: Millis | None
    storage_total_mb: int | None

    @property
    def blocked_by(self) -> str | None:
        """Why no run may use it."""
        return reasons.CONFLICT if self.has_conflict else blocks.reason(self)

    @property
    def rank(self) -> tuple[int, str]:
        """Its place in a list."""
        return (LAST if self.index_no is None else self.index_no, self.id)


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """A device's part of a run, for the device's page."""

    run_id: str
    title: str
    device_index: int
    status: str
    late_status: str | None
    warning_count: int
    is_leased: bool
    lease_granted_at: Millis | None
    lease_expires_at: Millis | None
    started_at: Millis | None
    finished_at: Millis | None
    last_error_message: str | None


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """An open conflict."""

    id: str
    serial: str
    kind: str
    sightings: list[dict[str, Any]]
    first_seen_at: Millis
    last_seen_at: Millis


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None does not narrow."""

    q: str | None = None
    node: str | None = None
    online: bool | None = None
    health: str | None = None
    activity: int | None = None
    quarantined: bool | None = None
    conflict: bool | None = None
    labels: Mapping[str, str] | None = None
    ranges: Sequence[tuple[int, int]] | None = None


_OWN = [name for name in DeviceRow.__slots__ if name in _D]
_RENAMED = {"health_since_at": device_health.c.since_at, "health_reason": device_health.c.reason}
_CARE = [
    _RENAMED[name].label(name) if name in _RENAMED else device_health.c[name]
    for name in DeviceRow.__slots__
    if name in _RENAMED or (name not in _D and name in device_health.c)
]


def _all(tx: Tx) -> Select[Any]:
    return (
        select(
            *(_D[name] for name in _OWN),
            func.coalesce(nodes.c.is_online, False).label("node_is_online"),
            nodes.c.last_seen_at.label("node_last_seen_at"),
            open_conflict().label("has_conflict"),
            *_CARE,
        )
        .select_from(blocks.WITH_HEALTH)
        .outerjoin(nodes, and_(nodes.c.workspace_id == _D.workspace_id, nodes.c.id == _D.node_id))
        .where(_D.workspace_id == tx.workspace_id)
    )


def _one(tx: Tx, where: ColumnElement[bool], for_update: bool) -> DeviceRow | None:
    statement = _all(tx).where(where)
    row = tx.conn.execute(statement.with_for_update(of=devices) if for_update else statement).first()
    return None if row is None else DeviceRow(**row._mapping)


def by_index(tx: Tx, index_no: int, *, for_update: bool = False) -> DeviceRow | None:
    """The device that has this index; `for_update` locks its row where the database has row locks."""
    return _one(tx, _D.index_no == index_no, for_update)


def by_id(tx: Tx, device_id: str, *, for_update: bool = False) -> DeviceRow | None:
    """A device by its id; `for_update` locks its row where the database has row locks."""
    return _one(tx, _D.id == device_id, for_update)


def page(tx: Tx, filters: Filters, *, after: tuple[int, str] | None, limit: int) -> list[DeviceRow]:
    """Devices by index, those without one last, after the cursor `rank`."""
    statement = _all(tx).where(*_conditions(tx, filters)).order_by(_RANK, _D.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(_RANK, _D.id) > tuple_(*after))
    return [DeviceRow(**row._mapping) for row in tx.conn.execute(statement)]


def _conditions(tx: Tx, filters: Filters) -> list[ColumnElement[bool]]:
    plain = ((_D.node_id, filters.node), (_D.health, filters.health), (_D.activity, filters.activity))
    found: list[ColumnElement[bool]] = [column == value for column, value in plain if value is not None]
    flags = (
        (_D.is_online, filters.online),
        (_D.quarantined_at.is_not(None), filters.quarantined),
        (open_conflict(), filters.conflict),
    )
    found += [flag if wanted else ~flag for flag, wanted in flags if wanted is not None]
    found += [_label(tx, key) == value for key, value in (filters.labels or {}).items()]
    if filters.ranges is not None:
        found.append(or_(*(_D.index_no.between(low, high) for low, high in filters.ranges)))
    return [*found, _search(filters.q)] if filters.q else found


def matching_indexes(tx: Tx, filters: Filters) -> list[int]:
    """The indexes of the devices that a list narrowed like this has; those without one are left out."""
    statement = select(_D.index_no).where(
        _D.workspace_id == tx.workspace_id, _D.index_no.is_not(None), *_conditions(tx, filters)
    )
    return list(tx.conn.execute(statement.order_by(_D.index_no)).scalars())


def first_idle(tx: Tx) -> int | None:
    """The lowest index of a device that is online, idle and may be used."""
    where = (_D.workspace_id == tx.workspace_id, _D.is_online, _D.activity == 0, ~blocks.is_blocked())
    statement = select(func.min(_D.index_no)).select_from(blocks.WITH_HEALTH).where(*where)
    lowest: int | None = tx.conn.scalar(statement)
    return lowest


def _search(text: str) -> ColumnElement[bool]:
    columns = (_D.label, _D.serial, _D.model, _D.node_id)
    hits: list[ColumnElement[bool]] = [column.icontains(text, autoescape=True) for column in columns]
    if text.isascii() and text.isdigit() and len(text) < 10:
        hits.append(_D.index_no == int(text))
    return or_(*hits)


def _label(tx: Tx, key: str) -> ColumnElement[Any]:
    """The value of one label, as the dialect reads JSON."""
    if tx.dialect == "postgresql":
        return func.jsonb_extract_path_text(_D.labels, key)
    return func.json_extract(_D.labels, f'$."{key}"')


def change(tx: Tx, device_id: str, **values: Any) -> None:
    """Set columns of one device."""
    where = (_D.workspace_id == tx.workspace_id, _D.id == device_id)
    tx.conn.execute(update(devices).where(*where).values(values))


def is_taken(tx: Tx, index_no: int) -> bool:
    """Whether a device has this index."""
    statement = select(_D.id).where(_D.workspace_id == tx.workspace_id, _D.index_no == index_no)
    return tx.conn.execute(statement).first() is not None


def device_runs(tx: Tx, device_id: str, limit: int) -> list[DeviceRun]:
    """The device's newest device runs, newest first."""
    live = and_(_R.lease_token.is_not(None), _R.status.in_(tuple(sorted(DEVICE_RUN.open))))
    named = [name for name in DeviceRun.__slots__ if name not in ("title", "is_leased")]
    statement = (
        select(runs.c.title, live.label("is_leased"), *(_R[name] for name in named))
        .join(runs, and_(runs.c.workspace_id == _R.workspace_id, runs.c.id == _R.run_id))
        .where(_R.workspace_id == tx.workspace_id, _R.device_id == device_id)
        .order_by(_R.id.desc())
        .limit(limit)
    )
    return [DeviceRun(**row._mapping) for row in tx.conn.execute(statement)]


def live_lease(tx: Tx, device_id: str) -> DeviceRun | None:
    """The device run that holds the device now."""
    statement = (
        select(_R.id).where(
            _R.workspace_id == tx.workspace_id,
            _R.device_id == device_id,
            _R.lease_token.is_not(None),
            _R.status.in_(tuple(sorted(DEVICE_RUN.open))),
        )
    ).limit(1)
    if tx.conn.execute(statement).first() is None:
        return None
    return next((run for run in device_runs(tx, device_id, 200) if run.is_leased), None)


def conflicts(tx: Tx, *, serial: str | None = None, conflict_id: str | None = None) -> list[ConflictRow]:
    """Open conflicts, oldest first."""
    c = device_conflicts.c
    statement = select(*(c[name] for name in ConflictRow.__slots__))
    statement = statement.where(c.workspace_id == tx.workspace_id, c.resolved_at.is_(None))
    if serial is not None:
        statement = statement.where(c.serial == serial)
    if conflict_id is not None:
        statement = statement.where(c.id == conflict_id)
    return [ConflictRow(**row._mapping) for row in tx.conn.execute(statement.order_by(c.first_seen_at, c.id))]
