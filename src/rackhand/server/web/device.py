"""`/devices/{index}`: one device in the panel beside the tiles: its state and proof, what to change, what to do."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import Conflict, FieldError, Invalid, RackhandError
from rackhand.core.schema import Choice, Field, Record, Text, parse
from rackhand.engine import device_pages, devices, runs
from rackhand.engine.access import Actor, Role
from rackhand.engine.devices import DEVICE_CHANGE, QUARANTINE, RELEASE
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.runs import Created, Origin
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Room
from rackhand.server.web.devices import tiles_page
from rackhand.server.web.forms import FormValues, read_form, read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import is_fragment, page, redirect, render, render_again, say
from rackhand.store.db import Tx

COMMANDS = ("screenshot", "reboot", "reconnect", "shell")
_DO = Record({"kind": Choice(COMMANDS), "command": Field(Text(1, 65_536), None)})
_CONFLICT = Record({"conflict_id": Text(1, 64), "node_id": Field(Text(1, 63), None)})
_PANEL = "devices/_device.html"


@get("/devices/{index:int}", **page(role=Role.VIEWER))
async def show(request: Request, room: Room, index: FromPath[int]) -> Response:
    view = await room.db.read(device_pages.read, index)
    if is_fragment(request):
        return render(request, _PANEL, opened=view)
    return render(request, "devices/devices.html", **await tiles_page(request, room) | {"opened": view})


@post("/devices/{index:int}", **page(role=Role.OPERATOR))
async def change(request: Request, room: Room, index: FromPath[int]) -> Response:
    """Label, labels and index. An index that another device has is swapped if the form says so."""
    form = await typed(request)
    try:
        wanted = _wanted(await read_unchecked(request), form)
        parse(DEVICE_CHANGE, {name: value for name, value in wanted.items() if value is not None})
        moved = await room.db.write(_change, actor_of(request), index, wanted, form.get("/swap") == "true")
    except RackhandError as error:
        return await _again(request, room, index, error, form)
    return redirect(request, f"/devices/{moved}", say(request, N_("Saved.")))


def _wanted(body: dict[str, Any], form: FormValues) -> dict[str, Any]:
    """The body of PATCH /api/devices/{index}: labels come as lines `key=value`, an empty label takes it away."""
    text = form.get("/index", "").strip()
    return {
        "label": str(body.get("label", "")).strip() or None,
        "index": int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text,
        "labels": _labels(form.get("/labels", "")),
    }


def _labels(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if line.strip() and not equals:
            raise Invalid(
                [FieldError("/labels", "each line is key=value; this one is not: {line}", {"line": line[:80]})]
            )
        if line.strip():
            found[key.strip()] = value.strip()
    return found


def _change(tx: Tx, actor: Actor, index: int, wanted: dict[str, Any], may_swap: bool) -> int:
    target = wanted.pop("index")
    devices.change_at(tx, actor, index, wanted)
    if target == index:
        return index
    try:
        devices.change_at(tx, actor, index, {"index": target})
    except Conflict:
        if not may_swap:
            raise
        devices.swap(tx, actor, index, {"with": target})
    return int(target)


@post("/devices/{index:int}/quarantine", **page(role=Role.OPERATOR))
async def quarantine(request: Request, room: Room, index: FromPath[int]) -> Response:
    form = await typed(request)
    try:
        body = await read_form(request, QUARANTINE)
        await room.db.write(devices.quarantine, actor_of(request), index, body)
    except RackhandError as error:
        return await _again(request, room, index, error, form)
    return redirect(request, f"/devices/{index}", say(request, N_("No new run uses the device.")))


@post("/devices/{index:int}/unquarantine", **page(role=Role.OPERATOR))
async def unquarantine(request: Request, room: Room, index: FromPath[int]) -> Response:
    await room.db.write(devices.end_quarantine, actor_of(request), index)
    return redirect(request, f"/devices/{index}", say(request, N_("Runs use the device again.")))


@post("/devices/{index:int}/release", **page(role=Role.OPERATOR))
async def release(request: Request, room: Room, index: FromPath[int]) -> Response:
    await room.db.write(devices.release, actor_of(request), index, parse(RELEASE, {}))
    return redirect(request, "/devices", say(request, N_("The device gave up its index; it keeps its history.")))


@post("/devices/conflict", **page(role=Role.OPERATOR))
async def resolve(request: Request, room: Room) -> Response:
    body = await read_form(request, _CONFLICT)
    given = {"node_id": body["node_id"]}
    await room.db.write(devices.resolve_conflict, actor_of(request), body["conflict_id"], given)
    return redirect(request, "/devices", say(request, N_("The conflict has ended.")))


@post("/devices/{index:int}/do", **page(role=Role.OPERATOR, once=True))
async def do(request: Request, room: Room, index: FromPath[int]) -> Response:
    """One command on this device now: an ad hoc run, so that it is recorded like everything else."""
    form = await typed(request)
    try:
        body = await read_form(request, _DO)
        await room.begin(_start, actor_of(request), index, body)
    except RackhandError as error:
        return await _again(request, room, index, error, form)
    return redirect(request, f"/devices/{index}", say(request, N_("Started; it is the first of the runs below.")))


def _start(tx: Tx, actor: Actor, index: int, body: dict[str, Any]) -> Created:
    params = {"command": body["command"] or ""} if body["kind"] == "shell" else {}
    if body["kind"] == "shell" and not params["command"].strip():
        raise Invalid([FieldError("/command", "must not be empty")])
    wanted = {
        "steps": [{"kind": body["kind"], "params": params}],
        "target": {"scope": "indexes", "indexes": str(index)},
    }
    origin = Origin("adhoc", actor.name, remote_addr=actor.remote_addr)
    return runs.create_run(tx, parse(RUN_REQUEST, wanted), origin)


async def _again(request: Request, room: Room, index: int, error: RackhandError, form: FormValues) -> Response:
    view = await room.db.read(device_pages.read, index)
    values = await tiles_page(request, room) | {"opened": view}
    return render_again(request, "devices/devices.html", error, form, **values)


handlers: list[Any] = [show, change, quarantine, unquarantine, release, resolve, do]
