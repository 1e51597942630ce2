"""Everything that the page of one device shows, of one moment."""

from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.engine import device_views
from rackhand.engine.device_views import DeviceDetail
from rackhand.store import artifacts, audit
from rackhand.store.audit import AuditRow
from rackhand.store.db import Tx

HISTORY = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """The newest stored screenshot, and where it is from."""

    artifact_id: str
    run_id: str
    device_index: int
    taken_at: Millis


@dataclass(frozen=True, slots=True)
class DevicePage:
    """A device, its newest screenshot among the listed runs, and what people did to it, newest first."""

    device: DeviceDetail
    picture: Picture | None
    history: tuple[AuditRow, ...]


def read(tx: Tx, index: int) -> DevicePage:
    """The device at an index; NotFound."""
    device = device_views.detail(tx, device_views.at(tx, index))
    found = artifacts.newest_screenshot(tx, [run.run_id for run in device.runs], device.id) if device.runs else None
    picture = None if found is None else Picture(found.id, found.run_id, found.device_index, found.created_at)
    return DevicePage(device, picture, tuple(audit.audit_of(tx, f"device:{device.id}", HISTORY)))
