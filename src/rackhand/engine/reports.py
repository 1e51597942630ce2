"""What a heartbeat says, made fit to store: values in range, transports told from devices, doubled serials.

Pure: no transaction, no clock. A value that cannot be true is dropped, never refused: one bad sensor silences no node.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite

from msgspec import structs

from rackhand.core.clock import Millis
from rackhand.core.inventory import Sighting, port_order
from rackhand.core.states import DeviceState
from rackhand.store.nodes import Transport
from rackhand.store.sightings import Facts, Known
from rackhand.wire.messages import ReportedDevice

_MAX_STORAGE_MB = 2**40
_KEPT = ("transport", "usb_path", "model", "os_version", "battery", "temperature_c", "storage_free_mb", "last_probe_at")
"""Facts that stay as they were when a report leaves them out."""
_STEADY = tuple(n for n in Facts.__slots__ if n not in ("temperature_c", "storage_free_mb", "last_probe_at"))
_STORAGE_STEP_MB = 100
_TEMPERATURE_STEP_C = 1.0


@dataclass(frozen=True, slots=True)
class Claim:
    """One serial on one node; more than one handle means that the node sees it twice."""

    serial: str
    facts: Facts
    handles: tuple[str, ...]

    @property
    def is_twice(self) -> bool:
        return len(self.handles) > 1


def recognised(devices: Iterable[ReportedDevice], mine: Mapping[str, Known]) -> list[ReportedDevice]:
    """The list of a node, with serials for those that adb calls offline: they cannot say theirs, and are taken for the
    device of this node that had the handle last and is nowhere else in the list."""
    listed = list(devices)
    told = {_serial(device) for device in listed}
    absent = {row.facts.runtime_handle: row for serial, row in mine.items() if serial not in told}
    return [_recognise(device, absent) if _serial(device) is None else device for device in listed]


def _recognise(device: ReportedDevice, absent: Mapping[str | None, Known]) -> ReportedDevice:
    row = absent.get(_text(device.runtime_handle))
    if row is None or device.adb_state != "offline":
        return device
    is_out = row.facts.health == DeviceState.QUARANTINED
    return structs.replace(device, serial=row.serial, health=row.facts.health if is_out else device.health)


def claims_of(
    devices: Iterable[ReportedDevice], known: Mapping[str, Known], now: Millis, online_window_ms: int
) -> list[Claim]:
    """Devices by serial in port order. Of a serial seen twice, the handle that is known goes on, else an online one."""
    facts_by: dict[tuple[str | None, str], Facts] = {}
    for device in devices:
        facts_by[_serial(device), _text(device.runtime_handle)] = facts_of(device, now, online_window_ms)
    ordered = port_order(
        Sighting(serial, handle, facts.usb_path, facts.is_online) for (serial, handle), facts in facts_by.items()
    )
    handles: dict[str, list[Sighting]] = {}
    for sighting in ordered:
        if sighting.serial is not None:
            handles.setdefault(sighting.serial, []).append(sighting)
    claims = []
    for serial, seen in handles.items():
        stored = known[serial].facts.runtime_handle if serial in known else None
        best = min(seen, key=lambda s: (s.runtime_handle != stored, not s.is_online))
        claims.append(Claim(serial, facts_by[serial, best.runtime_handle], tuple(s.runtime_handle for s in seen)))
    return claims


def facts_of(device: ReportedDevice, now: Millis, online_window_ms: int) -> Facts:
    """Online only if reported so and probed within the window."""
    age = device.probe_age_ms if device.probe_age_ms is not None else 0 if device.online else None
    temperature = device.temperature_c
    return Facts(
        runtime_handle=_text(device.runtime_handle),
        transport=_short(device.transport),
        usb_path=_short(device.usb_path),
        model=_short(device.model),
        os_version=_short(device.os_version),
        battery=_within(device.battery, 0, 100),
        temperature_c=temperature if temperature is not None and isfinite(temperature) else None,
        storage_free_mb=_within(device.storage_free_mb, 0, _MAX_STORAGE_MB),
        adb_state=_short(device.adb_state),
        health=_short(device.health),
        is_simulated=device.simulated,
        is_online=device.online and age is not None and age <= online_window_ms,
        last_error_message=_short(device.last_error_message, 4000),
        last_probe_at=None if age is None else max(0, now - max(0, min(age, now))),
    )


def transports_of(devices: Iterable[ReportedDevice], node_id: str, now: Millis) -> list[Transport]:
    """Transports whose serial cannot be read."""
    found = {}
    for device in devices:
        if _serial(device) is None:
            handle = _text(device.runtime_handle)
            error = _short(device.last_error_message, 4000)
            found[handle] = Transport(node_id, handle, _short(device.adb_state), error, now)
    return [found[handle] for handle in sorted(found)]


def updated(row: Known, claim: Claim, now: Millis, write_ms: int) -> Known | None:
    """The row with what is new, or None if nothing is worth writing: a drifting value alone waits for `write_ms`."""
    old = row.facts
    kept = {name: getattr(old, name) for name in _KEPT if getattr(claim.facts, name) is None}
    new = replace(claim.facts, **kept) if any(value is not None for value in kept.values()) else claim.facts
    is_due = row.last_seen_at is None or now - row.last_seen_at >= write_ms
    if not is_due and not _differs(new, old):
        return None
    return replace(row, facts=new, last_seen_at=now)


def is_visible(old: Facts, new: Facts) -> bool:
    """Whether pages must show the difference at once; battery, probes and the like can wait for the next load."""
    names = ("is_online", "adb_state", "health", "last_error_message", "model", "is_simulated")
    return any(getattr(old, name) != getattr(new, name) for name in names)


def _differs(new: Facts, old: Facts) -> bool:
    """Whether anything but a drifting value moved, or a drifting one moved far."""
    return (
        any(getattr(new, name) != getattr(old, name) for name in _STEADY)
        or _is_far(new.temperature_c, old.temperature_c, _TEMPERATURE_STEP_C)
        or _is_far(new.storage_free_mb, old.storage_free_mb, _STORAGE_STEP_MB)
    )


def _is_far(new: float | None, old: float | None, step: float) -> bool:
    if new is None or old is None:
        return new is not old
    return abs(new - old) >= step


def _serial(device: ReportedDevice) -> str | None:
    return _short((device.serial or "").strip())


def _text(value: str) -> str:
    return value[:255]


def _short(value: str | None, most: int = 255) -> str | None:
    return value[:most] if value else None


def _within(value: int | None, low: int, high: int) -> int | None:
    return value if value is not None and low <= value <= high else None
