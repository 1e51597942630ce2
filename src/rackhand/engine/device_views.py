"""What is shown of devices: facts with the times they are from, the lease that holds one, its conflict, its runs."""

from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.errors import NotFound
from rackhand.core.heatmap import Activity
from rackhand.store import devices, health
from rackhand.store.db import Tx
from rackhand.store.devices import ConflictRow, DeviceRow, DeviceRun
from rackhand.store.health import DeviceEvent

RECENT = 20


@dataclass(frozen=True, slots=True)
class CareView:
    """What the agent makes of the device's health and does about it. `rung` is the last one tried, `next_rung` may be
    tried from `next_at` on unless `hold` says what it waits for; good probes in a row end a quarantine."""

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


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device in a list. `blocked_by` is why no run may use it, null if runs may.
    `last_probe_at` is the proof that it answered, `node_last_seen_at` that its node did."""

    id: str
    index: int | None
    serial: str
    node_id: str | None
    label: str | None
    labels: dict[str, str]
    online: bool
    activity: int
    activity_name: str
    activity_run_id: str | None
    activity_at: Millis | None
    health: str | None
    adb_state: str | None
    model: str | None
    os_version: str | None
    battery: int | None
    temperature_c: float | None
    storage_free_mb: int | None
    storage_total_mb: int | None
    transport: str | None
    usb_path: str | None
    runtime_handle: str | None
    simulated: bool
    conflict: bool
    quarantine_reason: str | None
    quarantined_at: Millis | None
    blocked_by: str | None
    care: CareView
    last_seen_at: Millis | None
    last_probe_at: Millis | None
    node_last_seen_at: Millis | None
    last_error_message: str | None
    rev: int
    created_at: Millis


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Some devices; `next_cursor` gets the following ones, null at the end."""

    items: tuple[DeviceView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who holds the device now: derived from a live device run, never stored as a flag."""

    run_id: str
    title: str
    device_index: int
    status: str
    lease_granted_at: Millis | None
    lease_expires_at: Millis | None


@dataclass(frozen=True, slots=True)
class DeviceRunView:
    """The device's part of one run."""

    run_id: str
    title: str
    device_index: int
    status: str
    late_status: str | None
    warning_count: int
    started_at: Millis | None
    finished_at: Millis | None
    last_error_message: str | None


@dataclass(frozen=True, slots=True)
class SightingView:
    """Where a serial was seen."""

    node_id: str | None
    runtime_handle: str | None
    usb_path: str | None
    seen_at: Millis | None


@dataclass(frozen=True, slots=True)
class ConflictView:
    """A serial that is there twice; no run uses it until an operator resolves it."""

    id: str
    serial: str
    kind: str
    sightings: tuple[SightingView, ...]
    first_seen_at: Millis
    last_seen_at: Millis


@dataclass(frozen=True, slots=True)
class ConflictList:
    """All open conflicts; there are few, so that the list has one page."""

    items: tuple[ConflictView, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceDetail(DeviceView):
    """One device with everything that is known of it; `conflicts` are the open ones about its serial, `history` what
    its health went through, newest first."""

    node_online: bool
    lease: LeaseView | None
    conflicts: tuple[ConflictView, ...]
    runs: tuple[DeviceRunView, ...]
    history: tuple[DeviceEvent, ...]


_RENAMED = {
    "index": "index_no",
    "online": "is_online",
    "simulated": "is_simulated",
    "conflict": "has_conflict",
}


def view(row: DeviceRow) -> DeviceView:
    """A row as it is shown."""
    return DeviceView(**_shown(row))


def _shown(row: DeviceRow) -> dict[str, Any]:
    names = [name for name in DeviceView.__slots__ if name not in ("activity_name", "care")]
    values = {name: getattr(row, _RENAMED.get(name, name)) for name in names}
    care = CareView(**{name: getattr(row, name) for name in CareView.__slots__})
    return values | {"activity_name": Activity(row.activity).name.lower(), "care": care}


def detail(tx: Tx, row: DeviceRow) -> DeviceDetail:
    """A row with its lease, conflict and latest device runs."""
    lease = devices.live_lease(tx, row.id)
    return DeviceDetail(
        **_shown(row),
        node_online=row.node_is_online,
        lease=None if lease is None else _pick(LeaseView, lease),
        conflicts=tuple(conflict_view(conflict) for conflict in devices.conflicts(tx, serial=row.serial)),
        runs=tuple(_pick(DeviceRunView, run) for run in devices.device_runs(tx, row.id, RECENT)),
        history=tuple(health.events_of(tx, row.id, RECENT)),
    )


def _pick(shape: Any, run: DeviceRun) -> Any:
    return shape(**{name: getattr(run, name) for name in shape.__slots__})


def conflict_view(row: ConflictRow) -> ConflictView:
    """A conflict with where its serial was seen."""
    names = SightingView.__slots__
    seen = tuple(SightingView(**{name: sighting.get(name) for name in names}) for sighting in row.sightings)
    return ConflictView(row.id, row.serial, row.kind, seen, row.first_seen_at, row.last_seen_at)


def conflict_list(tx: Tx) -> ConflictList:
    """Every open conflict, oldest first."""
    return ConflictList(tuple(conflict_view(row) for row in devices.conflicts(tx)))


def at(tx: Tx, index: int, *, for_update: bool = False) -> DeviceRow:
    """The device at an index; NotFound."""
    row = devices.by_index(tx, index, for_update=for_update)
    if row is None:
        raise NotFound("no device has the index {index}; nothing was changed: look at the list of devices", index=index)
    return row


def of(tx: Tx, device_id: str, *, for_update: bool = False) -> DeviceRow:
    """The device with an id; NotFound."""
    row = devices.by_id(tx, device_id, for_update=for_update)
    if row is None:
        raise NotFound("there is no device {id}; nothing was changed: look at the list of devices", id=device_id[:64])
    return row
