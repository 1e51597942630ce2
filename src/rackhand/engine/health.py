"""Device health as heartbeats and events tell of it, and the one thing that people do about it: end a quarantine.

The agent decides on states and repair (core.health, core.repair); here is decided who is over the workspace's limits.
"""

from collections.abc import Mapping, Set
from dataclasses import replace

from rackhand.core import vitals
from rackhand.core.clock import Millis, from_rfc3339
from rackhand.core.health import Rung
from rackhand.core.repair import Hold
from rackhand.core.states import DeviceState
from rackhand.core.vitals import Limit, Limits, Vitals
from rackhand.store import health
from rackhand.store.db import Tx
from rackhand.store.health import Care, DeviceEvent, HubIncident, Patient
from rackhand.wire.messages import DeviceEventPayload, Event, Heartbeat, ReportedCare, ReportedDevice, ReportedIncident

JITTER_MS = 2_000
"""Times come as ages, so that they move a little with each report; that is no news."""
_MAX_MB = 2**40


def take(tx: Tx, node_id: str, heartbeat: Heartbeat, limits: Limits, missed: Set[str]) -> None:
    """Write what a whole list says that differs; `missed` are ids of devices that it lists no more."""
    said = {(device.serial, device.runtime_handle): device for device in heartbeat.devices or []}
    for patient in health.of_node(tx, node_id):
        device = said.get((patient.serial, patient.runtime_handle or ""))
        care = _care(patient, device, limits, tx.now, is_missed=patient.id in missed)
        if care != patient.care:
            health.write(tx, patient.id, care, is_stored=patient.is_stored)
    _compare_incidents(tx, node_id, heartbeat.incidents)


def _care(patient: Patient, device: ReportedDevice | None, limits: Limits, now: Millis, *, is_missed: bool) -> Care:
    """What is made of a device now."""
    if device is None:
        kept = Care(storage_total_mb=patient.care.storage_total_mb, since_at=now)
        return kept if is_missed else patient.care
    told = device.care or ReportedCare(since_ms=0)
    care = replace(
        patient.care,
        since_at=_moment(None if device.care is None else now - told.since_ms, patient.care.since_at),
        reason=told.reason and told.reason[:500],
        rung=_word(told.rung, Rung),
        rung_at=_moment(None if told.rung_age_ms is None else now - told.rung_age_ms, patient.care.rung_at),
        next_rung=_word(told.next_rung, Rung),
        next_at=_moment(None if told.next_in_ms is None else now + told.next_in_ms, patient.care.next_at),
        hold=_word(told.hold, Hold),
        good_probes=_small(told.good_probes),
        probation_probes=_small(told.probation_probes),
        pardoned_at=patient.care.pardoned_at if patient.health == DeviceState.QUARANTINED else None,
        storage_total_mb=_megabytes(device.storage_total_mb) or patient.care.storage_total_mb,
    )
    return _limited(patient, care, limits, now)


def _limited(patient: Patient, care: Care, limits: Limits, now: Millis) -> Care:
    """Is it over a limit of the workspace?"""
    now_has = Vitals(patient.battery, patient.temperature_c, patient.storage_free_mb, care.storage_total_mb)
    before = None if care.limited_by is None else Limit(care.limited_by)
    limit = vitals.decide(now_has, limits, before)
    if limit is None:
        return replace(care, limited_by=None, limit_reason=None, limited_at=None)
    since = care.limited_at if limit is before else now
    return replace(care, limited_by=limit, limit_reason=vitals.reason(limit, now_has, limits), limited_at=since)


def _moment(at: Millis | None, before: Millis | None) -> Millis | None:
    if at is None:
        return None
    return before if before is not None and abs(at - before) < JITTER_MS else max(0, at)


def _word(text: str | None, words: type[Rung] | type[Hold]) -> str | None:
    """A word of ours; one that only a newer agent knows is not shown."""
    return text if text in set(words) else None


def _small(number: int | None) -> int | None:
    return None if number is None else min(max(number, 0), 1_000_000)


def _megabytes(number: int | None) -> int | None:
    return number if number is not None and 0 < number <= _MAX_MB else None


def _compare_incidents(tx: Tx, node_id: str, reported: list[ReportedIncident]) -> None:
    """Incidents of a node that begin, grow and end."""
    open_ones: Mapping[str, HubIncident] = {row.hub: row for row in health.open_incidents(tx, node_id)}
    told = {incident.hub[:255]: incident for incident in reported}
    for hub, incident in told.items():
        serials, row = sorted(set(incident.serials)), open_ones.get(hub)
        if row is None:
            began_at = max(0, tx.now - incident.age_ms)
            health.begin_incident(tx, node_id, hub, serials, _small(incident.total) or 0, began_at)
        elif row.serials != serials:
            health.grow_incident(tx, row.id, serials, _small(incident.total) or 0)
    over = [row.id for hub, row in open_ones.items() if hub not in told]
    if over:
        health.end_incidents(tx, over)


def note(tx: Tx, node_id: str, event: Event, payload: DeviceEventPayload) -> None:
    """A line for a device's history; a device that the server never heard of has none."""
    try:
        at = tx.now if event.occurred_at is None else from_rfc3339(event.occurred_at)
    except ValueError:
        at = tx.now
    text = None if payload.text is None else payload.text[:1_000]
    health.add_event(tx, payload.serial, DeviceEvent(at, payload.kind[:64], text, node_id))
