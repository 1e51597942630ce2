"""`/content/channels`: channels whose uploads are listed, the day's budget, and when each is looked at next."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import RackhandError
from rackhand.core.schema import Field, Text, parse
from rackhand.engine import channels, content_source
from rackhand.engine.access import Role
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Parts, Room
from rackhand.server.web.forms import read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say
from rackhand.store.db import Tx

HERE = "/content/channels"
_TEMPLATE = "content/channels.html"
_PAGE = 100
_QUERY = {"q": Field(Text(0, 200), ""), "cursor": Field(Text(1, 500), None)}


@get(HERE, **page(role=Role.VIEWER, query=_QUERY))
async def show(request: Request, room: Room) -> Response:
    return render(request, _TEMPLATE, **await _list_page(room, read_query(request)))


async def _list_page(room: Parts, chosen: dict[str, Any] | None = None) -> dict[str, Any]:
    chosen = chosen or {name: field.default for name, field in _QUERY.items()}
    found, source = await room.db.read(_load, chosen | {"q": chosen["q"] or None, "limit": _PAGE})
    return {"found": found, "source": source, "chosen": chosen}


def _load(tx: Tx, query: dict[str, Any]) -> tuple[Any, content_source.SourceView]:
    return channels.list_channels(tx, query), content_source.read(tx)


@post(HERE, **page(role=Role.OPERATOR, once=True))
async def register(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(channels.REGISTER, await read_unchecked(request, channels.REGISTER))
        saved = await room.desk.register_channel(actor_of(request), body["channel"])
    except RackhandError as error:
        return render_again(request, _TEMPLATE, error, form, **await _list_page(room))
    said = say(request, N_("Registered: {title}. Its videos appear within a minute."), title=saved.title)
    return redirect(request, HERE, said)


@post(HERE + "/{channel_id:str}/sync", **page(role=Role.OPERATOR))
async def sync(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(channels.sync_now, actor_of(request), channel_id)
    return redirect(request, HERE, say(request, N_("It is looked at within seconds.")))


@post(HERE + "/{channel_id:str}/on", **page(role=Role.OPERATOR))
async def switch_on(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(channels.change, actor_of(request), channel_id, {"is_enabled": True})
    return redirect(request, HERE)


@post(HERE + "/{channel_id:str}/off", **page(role=Role.OPERATOR))
async def switch_off(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(channels.change, actor_of(request), channel_id, {"is_enabled": False})
    return redirect(request, HERE)


@post(HERE + "/{channel_id:str}/remove", **page(role=Role.OPERATOR))
async def remove(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(channels.remove, actor_of(request), channel_id)
    return redirect(request, HERE, say(request, N_("The channel was removed; its videos stay.")))


handlers: list[Any] = [show, register, sync, switch_on, switch_off, remove]
