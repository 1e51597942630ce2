"""`/settings/nodes`: enrol a PC with one command, see how it does, rotate its token, drain it, remove it.

A token is shown on the page that answers the form, once; it is in no address and in no stored answer.
"""

from dataclasses import dataclass
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import RackhandError
from rackhand.engine import enrolment
from rackhand.engine.access import Role
from rackhand.engine.enrolment import DRAIN, NODE, NODE_CHANGE, EnrolledNode
from rackhand.server import wheel
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Room
from rackhand.server.web.forms import read_form, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import is_fragment, page, redirect, render, render_again, say

_TEMPLATE = "settings/nodes.html"
_HERE = "/settings/nodes"


@dataclass(frozen=True, slots=True)
class Command:
    """What to paste on one system."""

    system: str
    lines: str


def commands(server: str, node: EnrolledNode) -> list[Command]:
    """Installing and starting an agent: a private environment, the server's own wheel, a service."""
    source = f'"rackhand[adb] @ {server}/dist/{wheel.NAME}"'
    flags = f"--server {server} --node-id {node.id} --token {node.token}"
    windows = r'"$env:LOCALAPPDATA\rackhand'
    posix = (
        "python3 -m venv ~/.rackhand\n"
        f"~/.rackhand/bin/pip install {source}\n"
        f"~/.rackhand/bin/rackhand agent install {flags} --data ~/.rackhand/data"
    )
    powershell = (
        f'py -m venv {windows}"\n'
        f'& {windows}\\Scripts\\pip" install {source}\n'
        f'& {windows}\\Scripts\\rackhand" agent install {flags} --data {windows}\\data"'
    )
    return [Command("Windows (PowerShell)", powershell), Command("macOS", posix), Command("Linux", posix)]


def server_of(request: Request) -> str:
    """The address of this server, as the browser knows it."""
    return f"{request.url.scheme}://{request.headers['host']}"


async def _page(request: Request, room: Room, **values: Any) -> Response:
    view = await room.db.read(enrolment.list_nodes)
    template = "settings/_nodes.html" if is_fragment(request) else _TEMPLATE
    return render(request, template, view=view, **{"fresh": None, "commands": []} | values)


@get(_HERE, **page(role=Role.VIEWER))
async def show(request: Request, room: Room) -> Response:
    return await _page(request, room)


@post(_HERE, **page(role=Role.ADMIN))
async def enrol(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = await read_form(request, NODE)
        node = await room.db.write(enrolment.enrol, actor_of(request), body)
    except RackhandError as error:
        view = await room.db.read(enrolment.list_nodes)
        return render_again(request, _TEMPLATE, error, form, view=view, fresh=None, commands=[])
    return await _page(request, room, fresh=node, commands=commands(server_of(request), node))


@post(_HERE + "/{node_id:str}/rotate", **page(role=Role.ADMIN))
async def rotate(request: Request, room: Room, node_id: FromPath[str]) -> Response:
    node = await room.db.write(enrolment.rotate, actor_of(request), node_id)
    room.wakeups.wake(node_id)  # an open poll with the old token ends now
    return await _page(request, room, fresh=node, commands=commands(server_of(request), node))


@post(_HERE + "/{node_id:str}/rename", **page(role=Role.ADMIN))
async def rename(request: Request, room: Room, node_id: FromPath[str]) -> Response:
    form = await typed(request)
    try:
        body = await read_form(request, NODE_CHANGE)
        await room.db.write(enrolment.rename, actor_of(request), node_id, body)
    except RackhandError as error:
        view = await room.db.read(enrolment.list_nodes)
        return render_again(request, _TEMPLATE, error, form, view=view, fresh=None, commands=[])
    return redirect(request, f"{_HERE}#{node_id}", say(request, N_("Renamed.")))


@post(_HERE + "/{node_id:str}/drain", **page(role=Role.ADMIN))
async def drain(request: Request, room: Room, node_id: FromPath[str]) -> Response:
    body = await read_form(request, DRAIN)
    await room.db.write(enrolment.drain, actor_of(request), node_id, body)
    room.wakeups.wake(node_id)
    text = N_("The node ends what it has and gets no new work.") if body["drain"] else N_("The node works again.")
    return redirect(request, f"{_HERE}#{node_id}", say(request, text))


@post(_HERE + "/{node_id:str}/remove", **page(role=Role.ADMIN))
async def remove(request: Request, room: Room, node_id: FromPath[str]) -> Response:
    await room.db.write(enrolment.remove, actor_of(request), node_id)
    room.wakeups.wake(node_id)
    notice = say(request, N_("{node} is removed; its devices stay in the inventory."), node=node_id)
    return redirect(request, _HERE, notice)


handlers: list[Any] = [show, enrol, rotate, rename, drain, remove]
