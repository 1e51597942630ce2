"""What the one button of a to-do entry does: a page to open, or the use case that solves it. One table by kind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rackhand.core.errors import NotAllowed, NotFound
from rackhand.core.schema import parse
from rackhand.engine import devices, enrolment, reruns, scans
from rackhand.engine.access import Actor, Role
from rackhand.engine.runs import Created
from rackhand.engine.todo import Todo
from rackhand.server.room import Parts
from rackhand.server.web.language import gettext_noop as N_
from rackhand.store.db import Tx


@dataclass(frozen=True, slots=True)
class Done:
    """Where to go on, and what to say there (a msgid)."""

    location: str
    notice: str


Act = Callable[[Parts, Actor, Todo], Awaitable[Done]]


def href_of(item: Todo) -> str | None:
    """The page that the entry's button opens; None if the button does something."""
    return None if item.kind in _ACTS and item.action.method != "GET" else _page_of(item)


async def act(parts: Parts, actor: Actor, item: Todo) -> Done:
    """Do what solves `item`; NotFound if it only has a page."""
    if href_of(item) is not None:
        raise NotFound("this entry has a page and nothing to press; nothing was changed: open its page")
    return await _ACTS[item.kind](parts, actor, item)


def _page_of(item: Todo) -> str:
    kind, _, name = item.subject.partition(":")
    if kind == "node":
        return f"/settings/nodes#{name}"
    if kind == "server":
        return "/runs" if name == "clock" else "/settings"
    if kind == "notifications":
        return f"/settings/notifications/channels/{name}"
    if kind == "run":
        return f"/runs/{name}"
    return f"/devices/{name}" if kind == "device" and name.isdigit() else "/devices"


async def _rerun(parts: Parts, actor: Actor, item: Todo) -> Done:
    run_id = item.action.path.split("/")[3]
    created = await parts.begin(_rerun_in, actor, run_id)
    return Done(f"/runs/{created.view.id}", N_("Started again on the devices that failed."))


def _rerun_in(tx: Tx, actor: Actor, run_id: str) -> Created:
    body = parse(reruns.RERUN, {"outcomes": ["failed", "lost"]})
    return reruns.rerun(tx, run_id, body, actor.name, actor.remote_addr)


async def _scan(parts: Parts, actor: Actor, item: Todo) -> Done:
    node_id = item.subject.partition(":")[2].partition("/")[0]
    accepted = await parts.db.write(scans.create, actor, {"node_id": node_id}, parts.periods)
    parts.wakeups.wake_all(job.node_id for job in accepted.jobs)
    return Done("/devices", N_("The node is looking for devices now."))


async def _resolve(parts: Parts, actor: Actor, item: Todo) -> Done:
    conflict_id = item.action.path.split("/")[4]
    shown = await parts.db.write(devices.resolve_conflict, actor, conflict_id, parse(devices.RESOLUTION, {}))
    return Done(_device(shown.index), N_("The conflict is resolved."))


async def _release(parts: Parts, actor: Actor, item: Todo) -> Done:
    index = int(item.subject.partition(":")[2])
    await parts.db.write(devices.end_quarantine, actor, index)
    return Done(_device(index), N_("Runs may use the device again."))


async def _give_index(parts: Parts, actor: Actor, item: Todo) -> Done:
    device_id = item.subject.partition(":")[2]
    shown = await parts.db.write(devices.give_index, actor, device_id)
    return Done(_device(shown.index), N_("The device has an index now."))


async def _undrain(parts: Parts, actor: Actor, item: Todo) -> Done:
    if actor.role is None or not actor.role.includes(Role.ADMIN):
        raise NotAllowed("this needs the role admin; nothing was changed", code="role")
    node_id = item.subject.partition(":")[2]
    await parts.db.write(enrolment.drain, actor, node_id, {"drain": False})
    parts.wakeups.wake(node_id)
    return Done("/settings/nodes", N_("The node gets work again."))


def _device(index: int | None) -> str:
    return "/devices" if index is None else f"/devices/{index}"


_ACTS: dict[str, Act] = {
    "run_failed_on_many": _rerun,
    "device_error": _rerun,
    "devices_offline": _scan,
    "unregistered": _scan,
    "hub_incident": _scan,
    "conflict": _resolve,
    "quarantined": _release,
    "no_index": _give_index,
    "node_draining": _undrain,
}
