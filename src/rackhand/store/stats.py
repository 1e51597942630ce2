"""Counts for the dashboard in SQL: sums over a window, and devices that somebody should look at. Nothing is judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from rackhand.core.clock import Millis
from rackhand.core.kpi import HOUR_MS
from rackhand.core.states import RUN
from rackhand.core.vitals import Limits
from rackhand.store.blocks import WITH_HEALTH
from rackhand.store.db import Tx
from rackhand.store.inventory import open_conflict
from rackhand.store.tables import device_health, devices, fleet_hours, run_device_states, run_steps, runs

_D = devices.c
_F = fleet_hours.c
_H = device_health.c
_R = runs.c
_DR = run_device_states.c
_S = run_steps.c
SAMPLE = 5_000
"""Device runs that the median is taken of: the newest ones."""
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """A device that somebody should look at, and what may be wrong with it."""

    id: str
    index_no: int | None
    serial: str
    label: str | None
    node_id: str | None
    is_online: bool
    activity: int
    activity_run_id: str | None
    health: str | None
    battery: int | None
    temperature_c: float | None
    quarantined_at: Millis | None
    quarantine_reason: str | None
    storage_free_mb: int | None
    last_error_message: str | None
    storage_total_mb: int | None = None
    health_reason: str | None = None
    pardoned_at: Millis | None = None
    limited_by: str | None = None
    limit_reason: str | None = None


Moments = list[tuple[Millis, int]]
"""(start of an hour, amount)"""


def count_devices(tx: Tx, limits: Limits) -> tuple[int, int, int]:
    """(devices, of these online, of these that need attention)."""
    statement = select(func.count(), func.count().filter(_D.is_online), func.count().filter(_needs_attention(limits)))
    statement = statement.select_from(WITH_HEALTH).where(_D.workspace_id == tx.workspace_id)
    total, online, attention = tx.conn.execute(statement).one()
    return int(total), int(online), int(attention)


def _needs_attention(limits: Limits) -> ColumnElement[bool]:
    return or_(
        ~_D.is_online,
        _D.activity == 3,
        _D.quarantined_at.is_not(None),
        func.coalesce(_D.health, "ok") != "ok",
        _D.temperature_c >= limits.warm_c,
        _D.battery <= limits.low_battery,
        _is_storage_low(limits),
        _H.limited_by.is_not(None),
        open_conflict(),
    )


def _is_storage_low(limits: Limits) -> ColumnElement[bool]:
    """core.vitals.is_storage_low in SQL."""
    by_share = _D.storage_free_mb * 100 < limits.low_storage_percent * _H.storage_total_mb
    by_size = and_(_H.storage_total_mb.is_(None), _D.storage_free_mb < limits.low_storage_mb)
    return or_(and_(_H.storage_total_mb.is_not(None), by_share), by_size)


_RENAMED = {"health_reason": _H.reason}
_OF_HEALTH = ("storage_total_mb", "pardoned_at", "limited_by", "limit_reason")


def _column(name: str) -> ColumnElement[Any]:
    return _RENAMED[name].label(name) if name in _RENAMED else _H[name] if name in _OF_HEALTH else _D[name]


def troubles(tx: Tx, limits: Limits) -> list[Trouble]:
    """Devices that need attention or have no index, by index."""
    statement = (
        select(*(_column(name) for name in Trouble.__slots__))
        .select_from(WITH_HEALTH)
        .where(_D.workspace_id == tx.workspace_id, or_(_needs_attention(limits), _D.index_no.is_(None)))
        .order_by(_D.index_no.is_(None), _D.index_no, _D.id)
        .limit(MOST)
    )
    return [Trouble(**row._mapping) for row in tx.conn.execute(statement)]


def _in_window(tx: Tx, since: Millis) -> tuple[ColumnElement[bool], ...]:
    return (_R.workspace_id == tx.workspace_id, _R.created_at >= since)


def count_runs(tx: Tx, since: Millis) -> dict[str, int]:
    """Runs made since then, by status."""
    statement = select(_R.status, func.count()).where(*_in_window(tx, since)).group_by(_R.status)
    return {row[0]: row[1] for row in tx.conn.execute(statement)}


def count_open_runs(tx: Tx) -> int:
    """Runs that are not over, however old."""
    where = (_R.workspace_id == tx.workspace_id, _R.status.in_(tuple(sorted(RUN.open))))
    return int(tx.conn.execute(select(func.count()).select_from(runs).where(*where)).scalar_one())


def run_hours(tx: Tx, since: Millis) -> Moments:
    """Runs by the hour in which they were made."""
    hour = _R.created_at // HOUR_MS
    return _moments(tx, select(hour, func.count()).where(*_in_window(tx, since)).group_by(hour))


def step_hours(tx: Tx, since: Millis) -> dict[str, Moments]:
    """Ended step attempts of runs made since then, by status and hour; late ones are left out."""
    hour = _S.finished_at // HOUR_MS
    statement = (
        select(_S.status, hour, func.count())
        .join(runs, and_(_R.workspace_id == _S.workspace_id, _R.id == _S.run_id))
        .where(*_in_window(tx, since), _S.finished_at.is_not(None), ~_S.late)
        .group_by(_S.status, hour)
    )
    found: dict[str, Moments] = {}
    for status, at, count in tx.conn.execute(statement):
        found.setdefault(status, []).append((at * HOUR_MS, count))
    return found


def offline_hours(tx: Tx, since: Millis) -> Moments:
    """Device runs that were skipped because the device was offline, by hour."""
    hour = _DR.finished_at // HOUR_MS
    statement = (
        select(hour, func.count())
        .join(runs, and_(_R.workspace_id == _DR.workspace_id, _R.id == _DR.run_id))
        .where(*_in_window(tx, since), _DR.status == "skipped_offline")
        .group_by(hour)
    )
    return _moments(tx, statement)


def _moments(tx: Tx, statement: Any) -> Moments:
    return [(at * HOUR_MS, count) for at, count in tx.conn.execute(statement)]


def durations(tx: Tx, since: Millis) -> Moments:
    """(end, duration in ms) of the newest finished device runs."""
    statement = (
        select(_DR.finished_at, _DR.finished_at - _DR.started_at)
        .join(runs, and_(_R.workspace_id == _DR.workspace_id, _R.id == _DR.run_id))
        .where(*_in_window(tx, since), _DR.finished_at.is_not(None), _DR.started_at.is_not(None))
        .order_by(_DR.id.desc())
        .limit(SAMPLE)
    )
    return [(at, max(0, took)) for at, took in tx.conn.execute(statement)]


@dataclass(frozen=True, slots=True)
class FleetHour:
    """The fleet at the last look in one hour."""

    hour_at: Millis
    devices: int
    online: int
    attention: int


def store_sample(tx: Tx, counts: tuple[int, int, int]) -> None:
    """Note (devices, online, attention) as the last look in the current hour."""
    where = (_F.workspace_id == tx.workspace_id, _F.hour_at == tx.now // HOUR_MS * HOUR_MS)
    values = dict(zip(("devices", "online", "attention"), counts, strict=True))
    if tx.conn.execute(update(fleet_hours).where(*where).values(values)).rowcount == 0:
        hour = {"workspace_id": tx.workspace_id, "hour_at": tx.now // HOUR_MS * HOUR_MS}
        tx.conn.execute(insert(fleet_hours).values(hour | values))


def samples(tx: Tx, since: Millis) -> list[FleetHour]:
    """The looks since then, oldest first; hours in which no server ran are missing."""
    statement = (
        select(*(_F[name] for name in FleetHour.__slots__))
        .where(_F.workspace_id == tx.workspace_id, _F.hour_at >= since)
        .order_by(_F.hour_at)
    )
    return [FleetHour(*row) for row in tx.conn.execute(statement)]


def run_titles(tx: Tx, run_ids: Sequence[str]) -> dict[str, str]:
    """Titles of runs that still exist."""
    statement = select(_R.id, _R.title).where(_R.workspace_id == tx.workspace_id, _R.id.in_(run_ids))
    return {row[0]: row[1] for row in tx.conn.execute(statement)}
