"""`/commands/{id}`: one command in the panel beside the table: made, edited, tried on one device.

The form's fields are those of POST /api/command-assets, but for the time limit, which people type in seconds, and a
file, which may come along as an upload.
"""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.assets import ASSET, KINDS
from rackhand.core.errors import FieldError, Invalid, RackhandError
from rackhand.core.schema import Choice, Field, Integer, Record, Text
from rackhand.engine import catalog, command_pages
from rackhand.engine.access import Role
from rackhand.engine.command_pages import TrialValues
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Parts, Room
from rackhand.server.web import sent_files
from rackhand.server.web.commands import HERE, table_page
from rackhand.server.web.device_run import panel_values
from rackhand.server.web.draft import as_text, number, seconds
from rackhand.server.web.forms import FormValues, read_unchecked, typed, uploads
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import is_fragment, page, redirect, render, render_again, say
from rackhand.server.web.param_inputs import inputs_of

_EDITOR, _TRIAL = "commands/_editor.html", "commands/_trial.html"
_KIND = Field(Choice(("", *KINDS)), "")
_QUERY = {"kind": _KIND, "copy": Field(Text(1, 64), None)}


async def _panel(request: Request, room: Parts, panel: str, **values: Any) -> Response:
    if is_fragment(request):
        return render(request, panel, **values)
    return render(request, "commands/commands.html", **await table_page(request, room) | values | {"panel": panel})


def _editor(kind: str, view: command_pages.CommandPage | None, form: FormValues, **more: Any) -> dict[str, Any]:
    """What the editor shows: what was typed, else what is saved."""
    asset = None if view is None else view.asset
    saved = {} if asset is None else {name: as_text(value) for name, value in asset.params.items()}
    said = {name.removeprefix("/params/"): text for name, text in form.items() if name.startswith("/params/")}
    values = {
        "view": view,
        "command": asset,
        "kind": kind,
        "kinds": KINDS,
        "inputs": inputs_of(kind, saved | said) if kind else (),
        "timeout_s": form.get("timeout_s", seconds(asset.default_timeout_ms) if asset else ""),
        "is_copy": False,
        "file_name": view.file_name if view is not None else None,
    }
    return values | more


@get(HERE + "/new", **page(role=Role.OPERATOR, query=_QUERY))
async def show_new(request: Request, room: Room) -> Response:
    query = read_query(request)
    if query["copy"] is not None:
        view = await room.db.read(command_pages.read_command, query["copy"])
        values = _editor(view.asset.kind, view, {}, is_copy=True, folders=view.folders)
        return await _panel(request, room, _EDITOR, **values)
    folders = await room.db.read(command_pages.read_folders)
    return await _panel(request, room, _EDITOR, **_editor(query["kind"], None, {}, folders=folders))


@post(HERE + "/new", **page(role=Role.OPERATOR, once=True))
async def create(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        asset = await room.db.write(catalog.create_asset, actor_of(request), await _body(request, room, form))
    except RackhandError as error:
        kind = form.get("/kind", "")
        folders = await room.db.read(command_pages.read_folders)
        values = _editor(kind if kind in KINDS else "", None, form, folders=folders)
        return render_again(
            request, "commands/commands.html", error, form, **await table_page(request, room) | values | _OPEN
        )
    return redirect(request, HERE, say(request, N_("{title} is in the table."), title=asset.title))


_OPEN = {"panel": _EDITOR}


@get(HERE + "/{asset_id:str}", **page(role=Role.VIEWER))
async def show(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    view = await room.db.read(command_pages.read_command, asset_id)
    return await _panel(request, room, _EDITOR, **_editor(view.asset.kind, view, {}, folders=view.folders))


@post(HERE + "/{asset_id:str}", **page(role=Role.OPERATOR, once=True))
async def save(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    form = await typed(request)
    try:
        body = await _body(request, room, form)
        asset = await room.db.write(catalog.update_asset, actor_of(request), asset_id, body)
    except RackhandError as error:
        return await _again(request, room, asset_id, error, form)
    return redirect(
        request, HERE, say(request, N_("{title} is saved; saved playbooks keep their copy."), title=asset.title)
    )


@post(HERE + "/{asset_id:str}/try", **page(role=Role.OPERATOR, once=True))
async def try_it(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    """Run the command as it is saved on one device."""
    form = await typed(request)
    try:
        index, values = _trial_of(form, room)
        created = await room.begin(command_pages.try_command, actor_of(request), asset_id, index, values)
    except Invalid as error:
        moved = [_at_field(each) for each in error.errors]
        return await _again(request, room, asset_id, Invalid(moved), form)
    except RackhandError as error:
        return await _again(request, room, asset_id, error, form)
    return redirect(request, f"{HERE}/{asset_id}/tries/{created.view.id}/{index}")


@get(HERE + "/{asset_id:str}/tries/{run_id:str}/{index:int}", **page(role=Role.VIEWER))
async def show_trial(
    request: Request, room: Room, asset_id: FromPath[str], run_id: FromPath[str], index: FromPath[int]
) -> Response:
    """What the command does on the device, live."""
    view = await room.db.read(command_pages.read_command, asset_id)
    values = await panel_values(room, run_id, index)
    here = f"{HERE}/{asset_id}/tries/{run_id}/{index}"
    return await _panel(request, room, _TRIAL, **values | {"command": view.asset, "here": here})


def _trial_of(form: FormValues, room: Parts) -> tuple[int, TrialValues]:
    index = number(form.get("/index", ""))
    if not isinstance(index, int) or Integer(1, 2**31 - 1).check(index, "/index", []) is None:
        raise Invalid([FieldError("/index", "must be the number of a device")])
    params = {name[8:]: text for name, text in form.items() if name.startswith("/values/") and text}
    secrets = {name[9:]: text for name, text in form.items() if name.startswith("/secrets/") and text}
    sealed = room.vault.seal(secrets)
    return index, TrialValues(params, secrets, sealed)


def _at_field(error: FieldError) -> FieldError:
    """The run's errors at the fields of the trial: its device, and the values that its placeholders lack."""
    placeholder = str(error.values.get("name", ""))
    if error.path.startswith("/target"):
        return FieldError("/index", error.template, error.values)
    for kind, field in (("params.", "/values/"), ("secrets.", "/secrets/")):
        if error.path.startswith("/steps") and placeholder.startswith(kind):
            return FieldError(field + placeholder.removeprefix(kind), error.template, error.values)
    return error


async def _again(request: Request, room: Room, asset_id: str, error: RackhandError, form: FormValues) -> Response:
    view = await room.db.read(command_pages.read_command, asset_id)
    values = _editor(view.asset.kind, view, form, folders=view.folders)
    return render_again(
        request, "commands/commands.html", error, form, **await table_page(request, room) | values | _OPEN
    )


async def _body(request: Request, room: Parts, form: FormValues) -> dict[str, Any]:
    """The body of the API; core's check_asset checks it."""
    kind = KINDS.get(form.get("/kind", ""))
    spec = ASSET if kind is None else Record({**ASSET.fields, "params": kind.params})
    body = await read_unchecked(request, spec)
    limit = form.get("timeout_s", "").strip()
    if limit:
        value = number(limit)
        body["default_timeout_ms"] = value if isinstance(value, str) else round(value * 1000)
    sent = (await uploads(request)).get("upload")
    if sent is not None:
        body["params"] = {**body.get("params", {}), "file": await sent_files.keep(request, room, sent)}
    return body


handlers: list[Any] = [show_new, create, show, save, try_it, show_trial]
