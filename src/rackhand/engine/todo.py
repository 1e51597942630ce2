"""The to-do list: what somebody should look at, derived from facts, each with one action. Pure; nothing is stored.

Every text is a core.message.Message, so that a page can say it in its language; JSON has the English text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rackhand.core.clock import Millis, to_rfc3339
from rackhand.core.disk import Space
from rackhand.core.message import Message, joined, word
from rackhand.core.reasons import recognise
from rackhand.core.states import DeviceState
from rackhand.core.target import format_indexes
from rackhand.core.vitals import Limit, Limits, Vitals, is_storage_low
from rackhand.store.devices import ConflictRow
from rackhand.store.health import HubIncident
from rackhand.store.nodes import NodeRow, Transport
from rackhand.store.notification_channels import ChannelRow
from rackhand.store.rollouts import HaltedRun
from rackhand.store.stats import Trouble

OLDEST_ADB = 34
RESUMED_SHOWN_MS = 3_600_000
FAILURES_SHOWN = 3
"""Tries of a notification channel that fail in a row before it is shown: one or two may be the receiver's restart."""
_ERROR = 3


class Severity(StrEnum):
    """How soon."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Action:
    """The one thing to do: a request to the API, or with GET a page to open."""

    title: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Todo:
    """One entry; `kind` is for programs, `subject` is like `device:7` or `node:PC-01`."""

    kind: str
    severity: Severity
    subject: str
    message: str
    action: Action


def todos(
    node_rows: Sequence[NodeRow],
    devices: Sequence[Trouble],
    transports: Sequence[Transport],
    conflicts: Sequence[ConflictRow],
    titles: Mapping[str, str],
    limits: Limits,
    incidents: Sequence[HubIncident] = (),
    halted: Sequence[HaltedRun] = (),
) -> tuple[Todo, ...]:
    """Everything worth a look, the most urgent first."""
    online = {node.id for node in node_rows if node.is_online}
    lost = {serial for incident in incidents for serial in incident.serials}
    found = [
        *(todo for node in node_rows for todo in _of_node(node)),
        *(_conflict(row) for row in conflicts),
        *(_halted(run) for run in halted),
        *_errors(devices, titles),
        *(_incident(row) for row in incidents if row.node_id in online),
        *_offline((device for device in devices if device.serial not in lost), online),
        *(todo for device in devices for todo in _of_device(device, limits)),
        *(_transport(row) for row in transports if row.node_id in online),
    ]
    return by_severity(found)


def by_severity(found: Iterable[Todo]) -> tuple[Todo, ...]:
    """The most urgent first; what is equally urgent keeps its order."""
    order = list(Severity)
    return tuple(sorted(found, key=lambda todo: order.index(todo.severity)))


def of_server(spaces: Sequence[Space], resumed_at: Millis | None, now: Millis) -> tuple[Todo, ...]:
    """What is wrong with the server itself: the most urgent of all, since it stops new work."""
    room = Action(Message("Shorten the retention"), "GET", "/settings")
    full = tuple(_disk(space, room) for space in spaces if space.is_low)
    if resumed_at is None or not 0 <= now - resumed_at < RESUMED_SHOWN_MS:
        return full
    message = Message(
        "the servers were away or the clock jumped until {at}: no deadline passed meanwhile; look at the clock (NTP) "
        "if nobody restarted them",
        at=to_rfc3339(resumed_at),
    )
    runs = Action(Message("Look at the runs"), "GET", "/runs")
    return (*full, Todo("servers_resumed", Severity.INFO, "server:clock", message, runs))


def _disk(space: Space, action: Action) -> Todo:
    message = Message(
        "the server's disk of {path} has {free} MB left: no new run starts below {wanted} MB; make room, or keep "
        "history for a shorter time",
        path=space.path,
        free=space.free_mb,
        wanted=space.wanted_mb,
    )
    return Todo("disk_low", Severity.CRITICAL, f"server:{space.name}", message, action)


def of_notifications(channels: Iterable[ChannelRow]) -> Iterable[Todo]:
    """Channels by which nobody is told any more."""
    page = Action(Message("Open the channel"), "GET", "/settings/notifications")
    for channel in channels:
        if channel.is_enabled and channel.failure_count >= FAILURES_SHOWN:
            message = Message(
                "notifications to {title} do not arrive: {n} tries failed in a row; the last one: {text}",
                title=channel.title[:100],
                n=channel.failure_count,
                text=(channel.last_error_message or "")[:300],
            )
            yield Todo("notifications_failing", Severity.WARNING, f"notifications:{channel.id}", message, page)


def _of_node(node: NodeRow) -> Iterable[Todo]:
    page = Action(Message("Open the node"), "GET", f"/nodes/{node.id}")
    subject = f"node:{node.id}"
    if node.last_seen_at is None:
        message = Message("{node} is enrolled; its agent has not started", node=node.id)
        yield Todo("node_never_seen", Severity.INFO, subject, message, page)
    elif not node.is_online:
        message = Message("{node} is silent: its devices are out of reach until its agent reports again", node=node.id)
        yield Todo("node_silent", Severity.CRITICAL, subject, message, page)
    if node.last_error_message:
        message = Message("{node} reports: {text}", node=node.id, text=node.last_error_message[:300])
        yield Todo("node_error", Severity.WARNING, subject, message, page)
    if is_adb_old(node.adb_version):
        message = Message(
            "adb on {node} is {version}; update it to {oldest} or newer",
            node=node.id,
            version=node.adb_version,
            oldest=OLDEST_ADB,
        )
        yield Todo("adb_too_old", Severity.WARNING, subject, message, page)
    if node.state == "draining":
        again = Action(Message("Let it work again"), "POST", f"/api/nodes/{node.id}/drain")
        message = Message("{node} is draining and gets no new work", node=node.id)
        yield Todo("node_draining", Severity.INFO, subject, message, again)


def is_adb_old(version: str | None) -> bool:
    """Whether a platform-tools version like `33.0.3` is too old; a bare protocol version like `1.0.41` says nothing."""
    matched = re.match(r"(\d{1,4})\.", version or "")
    return matched is not None and 1 < int(matched[1]) < OLDEST_ADB


def _conflict(row: ConflictRow) -> Todo:
    where = sorted({f"{seen.get('node_id')} ({seen.get('runtime_handle')})" for seen in row.sightings})
    message = Message(
        "serial {serial} is there twice: {where}; no run uses it until this is resolved",
        serial=row.serial,
        where=", ".join(where),
    )
    action = Action(Message("Resolve"), "POST", f"/api/devices/conflicts/{row.id}/resolve")
    return Todo("conflict", Severity.CRITICAL, f"serial:{row.serial}", message, action)


def _halted(run: HaltedRun) -> Todo:
    reason = recognise(run.reason)
    message = Message(
        "the rollout of run {title!r} halted in wave {wave}: {reason}",
        title=run.title,
        wave=run.open_wave,
        reason=reason,
    )
    action = Action(Message("Open the run"), "GET", f"/runs/{run.id}")
    return Todo("rollout_halted", Severity.CRITICAL, f"run:{run.id}", message, action)


def _errors(devices: Sequence[Trouble], titles: Mapping[str, str]) -> Iterable[Todo]:
    """Devices whose last run failed: one entry per run."""
    by_run: dict[str | None, list[Trouble]] = defaultdict(list)
    for device in devices:
        if device.activity == _ERROR:
            by_run[device.activity_run_id].append(device)
    for run_id, failed in by_run.items():
        if run_id is None or run_id not in titles:
            yield from (_failed(device, Message("its last run")) for device in failed)
        elif len(failed) == 1:
            rerun = Action(Message("Run again"), "POST", f"/api/runs/{run_id}/rerun")
            yield _failed(failed[0], Message("run {title!r}", title=titles[run_id]), rerun)
        else:
            names = format_indexes(device.index_no for device in failed if device.index_no is not None)
            message = Message(
                "run {title!r} failed on {n} devices: {indexes}", title=titles[run_id], n=len(failed), indexes=names
            )
            rerun = Action(Message("Run again what failed"), "POST", f"/api/runs/{run_id}/rerun")
            yield Todo("run_failed_on_many", Severity.CRITICAL, f"run:{run_id}", message, rerun)


def _failed(device: Trouble, what: Message, action: Action | None = None) -> Todo:
    message = Message("{device} failed in {what}", device=_name(device), what=what)
    return Todo("device_error", Severity.WARNING, _subject(device), message, action or _page(device))


def _offline(devices: Iterable[Trouble], online_nodes: set[str]) -> Iterable[Todo]:
    """Devices that are offline though their node is there: one entry per node."""
    by_node: dict[str, list[Trouble]] = defaultdict(list)
    for device in devices:
        is_told = device.health in _ONE_BY_ONE
        if not device.is_online and not is_told and device.node_id in online_nodes and device.node_id is not None:
            by_node[device.node_id].append(device)
    for node_id, gone in sorted(by_node.items()):
        names = joined(_name(device) for device in gone[:10])
        if len(gone) > 10:
            names = joined((names, "..."), " ")
        message = Message(
            "{n} of the devices on {node} do not answer: {devices}", n=len(gone), node=node_id, devices=names
        )
        yield Todo("devices_offline", Severity.WARNING, f"node:{node_id}", message, _scan(node_id))


def _incident(row: HubIncident) -> Todo:
    """One entry for the hub, whatever it carries."""
    message = Message(
        "{n} of {total} devices of the hub {hub} on {node} went at once: look at its power and its cable",
        n=len(row.serials),
        total=row.total,
        hub=row.hub,
        node=row.node_id,
    )
    return Todo("hub_incident", Severity.CRITICAL, f"hub:{row.node_id}/{row.hub}", message, _scan(row.node_id))


def _of_device(device: Trouble, limits: Limits) -> Iterable[Todo]:
    name, subject, page = _name(device), _subject(device), _page(device)
    yield from _vitals(device, limits)
    yield from _health(device)
    if device.quarantined_at is not None:
        message = Message("{device} is quarantined: {reason}", device=name, reason=device.quarantine_reason)
        yield Todo("quarantined", Severity.INFO, subject, message, _unquarantine(device))
    if device.index_no is None:
        message = Message("{device} has no index, so no run can name it", device=name)
        give = Action(Message("Give it an index"), "PATCH", f"/api/devices/by-id/{device.id}")
        yield Todo("no_index", Severity.INFO, subject, message, give)
    if device.node_id is None:
        message = Message("{device} is on no node since its node was deleted", device=name)
        yield Todo("no_node", Severity.INFO, subject, message, page)


_HINTS = {
    Limit.HEAT: ("device_hot", Severity.CRITICAL, Message("let it cool, and look at its battery")),
    Limit.BATTERY: ("battery_low", Severity.WARNING, Message("look at its cable")),
    Limit.STORAGE: ("storage_low", Severity.WARNING, Message("delete what it does not need")),
}


def _vitals(device: Trouble, limits: Limits) -> Iterable[Todo]:
    """What keeps it out of runs, else what soon may."""
    name, subject, page = _name(device), _subject(device), _page(device)
    limit = None if device.limited_by is None else Limit(device.limited_by)
    if limit is not None:
        kind, severity, hint = _HINTS[limit]
        reason = recognise(device.limit_reason or "")
        message = Message("no run uses {device}: {reason}; {hint}", device=name, reason=reason, hint=hint)
        yield Todo(kind, severity, subject, message, page)
    if limit is not Limit.HEAT and device.temperature_c is not None and device.temperature_c >= limits.warm_c:
        message = Message(
            "{device} is {temperature:g} °C hot; let it cool, and look at its battery",
            device=name,
            temperature=device.temperature_c,
        )
        yield Todo("device_hot", Severity.WARNING, subject, message, page)
    if limit is not Limit.BATTERY and device.battery is not None and device.battery <= limits.low_battery:
        message = Message("{device} has {battery} % battery; look at its cable", device=name, battery=device.battery)
        yield Todo("battery_low", Severity.WARNING, subject, message, page)
    free = Vitals(storage_free_mb=device.storage_free_mb, storage_total_mb=device.storage_total_mb)
    if limit is not Limit.STORAGE and is_storage_low(free, limits):
        message = Message("{device} has {n} MB left; installs will fail", device=name, n=device.storage_free_mb)
        yield Todo("storage_low", Severity.WARNING, subject, message, page)


_ONE_BY_ONE = frozenset({DeviceState.UNAUTHORIZED, DeviceState.FLAPPING, DeviceState.QUARANTINED})
"""States that need somebody at the device; the others are one entry per node, and the agent works on them."""
_BY_NODE = frozenset({DeviceState.ABSENT, DeviceState.OFFLINE, DeviceState.BOOTING, DeviceState.UNRESPONSIVE})


def _health(device: Trouble) -> Iterable[Todo]:
    name, subject, page = _name(device), _subject(device), _page(device)
    if device.health == DeviceState.QUARANTINED and device.pardoned_at is None:
        reason = recognise(device.health_reason or "")
        message = Message("{device} is quarantined: {reason}", device=name, reason=reason)
        yield Todo("quarantined", Severity.WARNING, subject, message, _unquarantine(device))
    elif device.health == DeviceState.FLAPPING:
        message = Message("{device} comes and goes, so no run uses it; look at its cable and its power", device=name)
        yield Todo("device_flapping", Severity.WARNING, subject, message, page)
    elif device.health == DeviceState.UNAUTHORIZED:
        hint = Message("allow USB debugging on its screen")
        message = Message("{device} does not know its node: {hint}", device=name, hint=hint)
        yield Todo("device_unauthorized", Severity.WARNING, subject, message, page)
    elif device.health not in (None, "ok", DeviceState.QUARANTINED) and device.health not in _BY_NODE:
        yield Todo("device_unhealthy", Severity.WARNING, subject, _unhealthy(device), page)


def _unhealthy(device: Trouble) -> Message:
    name, health = _name(device), word(device.health or "")
    if not device.last_error_message:
        return Message("{device}: {health}", device=name, health=health)
    text = device.last_error_message[:200]
    return Message("{device}: {health} ({text})", device=name, health=health, text=text)


def _unquarantine(device: Trouble) -> Action:
    if device.index_no is None:
        return _page(device)
    return Action(Message("End the quarantine"), "DELETE", f"/api/devices/{device.index_no}/quarantine")


def _transport(row: Transport) -> Todo:
    if row.adb_state == "unauthorized":
        hint = Message("allow USB debugging on its screen")
    else:
        hint = Message("look at its screen and cable")
    message = Message(
        "{device} on {node} is {state} and not registered: {hint}, then scan",
        device=row.runtime_handle,
        node=row.node_id,
        state=word(row.adb_state or "not readable"),
        hint=hint,
    )
    subject = f"transport:{row.node_id}/{row.runtime_handle}"
    return Todo("unregistered", Severity.WARNING, subject, message, _scan(row.node_id))


def _scan(node_id: str) -> Action:
    return Action(Message("Scan {node}", node=node_id), "POST", "/api/nodes/scan")


def _name(device: Trouble) -> Message:
    name = device.label or device.serial
    if device.index_no is None:
        return Message("device {name}", name=name)
    return Message("device {index} ({name})", index=device.index_no, name=name)


def _subject(device: Trouble) -> str:
    return f"device:{device.index_no if device.index_no is not None else device.id}"


def _page(device: Trouble) -> Action:
    path = f"/devices/{device.index_no}" if device.index_no is not None else "/devices"
    return Action(Message("Open the device"), "GET", path)
