"""The to-do list: what somebody should look at, derived from facts, each with one action. Pure; nothing is stored.

Every text is a core.message.Message, so that a page can say it in its language; JSON has the English text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rackhand.core.message import Message, joined, word
from rackhand.core.reasons import recognise
from rackhand.core.target import format_indexes
from rackhand.store.devices import ConflictRow
from rackhand.store.nodes import NodeRow, Transport
from rackhand.store.rollouts import HaltedRun
from rackhand.store.stats import Limits, Trouble

OLDEST_ADB = 34
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
    halted: Sequence[HaltedRun] = (),
) -> tuple[Todo, ...]:
    """Everything worth a look, the most urgent first."""
    online = {node.id for node in node_rows if node.is_online}
    found = [
        *(todo for node in node_rows for todo in _of_node(node)),
        *(_conflict(row) for row in conflicts),
        *(_halted(run) for run in halted),
        *_errors(devices, titles),
        *_offline(devices, online),
        *(todo for device in devices for todo in _of_device(device, limits)),
        *(_transport(row) for row in transports if row.node_id in online),
    ]
    order = list(Severity)
    return tuple(sorted(found, key=lambda todo: order.index(todo.severity)))


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


def _offline(devices: Sequence[Trouble], online_nodes: set[str]) -> Iterable[Todo]:
    """Devices that are offline though their node is there: one entry per node."""
    by_node: dict[str, list[Trouble]] = defaultdict(list)
    for device in devices:
        if not device.is_online and device.node_id in online_nodes and device.node_id is not None:
            by_node[device.node_id].append(device)
    for node_id, gone in sorted(by_node.items()):
        names = joined(_name(device) for device in gone[:10])
        if len(gone) > 10:
            names = joined((names, "..."), " ")
        message = Message(
            "{n} of the devices on {node} do not answer: {devices}", n=len(gone), node=node_id, devices=names
        )
        yield Todo("devices_offline", Severity.WARNING, f"node:{node_id}", message, _scan(node_id))


def _of_device(device: Trouble, limits: Limits) -> Iterable[Todo]:
    name, subject, page = _name(device), _subject(device), _page(device)
    if device.temperature_c is not None and device.temperature_c >= limits.hot_c:
        message = Message(
            "{device} is {temperature:g} °C hot; let it cool, and look at its battery",
            device=name,
            temperature=device.temperature_c,
        )
        yield Todo("device_hot", Severity.CRITICAL, subject, message, page)
    if device.battery is not None and device.battery <= limits.low_battery:
        message = Message("{device} has {battery} % battery; look at its cable", device=name, battery=device.battery)
        yield Todo("battery_low", Severity.WARNING, subject, message, page)
    if device.storage_free_mb is not None and device.storage_free_mb < limits.low_storage_mb:
        message = Message("{device} has {n} MB left; installs will fail", device=name, n=device.storage_free_mb)
        yield Todo("storage_low", Severity.WARNING, subject, message, page)
    if device.health not in (None, "ok"):
        yield Todo("device_unhealthy", Severity.WARNING, subject, _unhealthy(device), page)
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
