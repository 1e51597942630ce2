"""`/content`: registered videos with search, tags and archive; a video is previewed before it is saved. And the source.

The preview is the answer of its own form, so that it works without JavaScript; nothing is stored by it.
"""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import RackhandError
from rackhand.core.schema import Boolean, Field, Text, parse
from rackhand.engine import content, content_source
from rackhand.engine.access import Role
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Parts, Room
from rackhand.server.web.forms import FormValues, read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say
from rackhand.store import content as rows
from rackhand.store.db import Tx

HERE, SOURCE = "/content", "/content/source"
_TEMPLATE, _SOURCE_TEMPLATE = "content/content.html", "content/source.html"
_PAGE, _TAGS = 50, 100
_QUERY = {
    "q": Field(Text(0, 200), ""),
    "tag": Field(Text(0, 40), ""),
    "channel": Field(Text(0, 64), ""),
    "is_new": Field(Boolean(), False),
    "is_archived": Field(Boolean(), False),
    "cursor": Field(Text(1, 500), None),
}


@get(HERE, **page(role=Role.VIEWER, query=_QUERY))
async def show(request: Request, room: Room) -> Response:
    return render(request, _TEMPLATE, **await _list_page(room, read_query(request)))


async def _list_page(room: Parts, chosen: dict[str, Any] | None = None) -> dict[str, Any]:
    chosen = chosen or {name: field.default for name, field in _QUERY.items()}
    query = chosen | {name: chosen[name] or None for name in ("q", "tag", "channel")} | {"limit": _PAGE}
    found, tags, new_count, source = await room.db.read(_load, query)
    is_narrowed = any(chosen[name] for name in _QUERY)
    values = {"found": found, "tags": tags, "new_count": new_count, "source": source, "chosen": chosen}
    return values | {"is_narrowed": is_narrowed, "preview": None}


def _load(tx: Tx, query: dict[str, Any]) -> tuple[Any, list[str], int, content_source.SourceView]:
    return (
        content.list_content(tx, query),
        rows.tags(tx, _TAGS),
        rows.count_new(tx),
        content_source.read(tx),
    )


@post(HERE + "/preview", **page(role=Role.OPERATOR))
async def preview(request: Request, room: Room) -> Response:
    """The page again, with what the source says of the video."""
    form = await typed(request)
    try:
        shown = await room.desk.preview(form.get("/url", "")[:500])
    except RackhandError as error:
        return render_again(request, _TEMPLATE, error, form, **await _list_page(room))
    return render(request, _TEMPLATE, **await _list_page(room) | {"preview": shown, "form": form})


@post(HERE, **page(role=Role.OPERATOR, once=True))
async def register(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(content.REGISTER, _with_tags(await read_unchecked(request, content.REGISTER), form))
        saved = await room.desk.register(actor_of(request), body["url"], body["tags"])
    except RackhandError as error:
        return render_again(request, _TEMPLATE, error, form, **await _list_page(room))
    return redirect(request, HERE, say(request, N_("Registered: {title}"), title=saved.title or saved.url))


def _with_tags(body: dict[str, Any], form: FormValues) -> dict[str, Any]:
    """Tags are typed in one box, separated by commas."""
    return body | {"tags": [tag for tag in (part.strip() for part in form.get("/tags", "").split(",")) if tag]}


@post(HERE + "/seen", **page(role=Role.OPERATOR))
async def all_seen(request: Request, room: Room) -> Response:
    await room.db.write(content.mark_seen, actor_of(request), None)
    return redirect(request, HERE, say(request, N_("All videos are marked as seen.")))


@post(HERE + "/{item_id:str}/seen", **page(role=Role.OPERATOR))
async def seen(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    await room.db.write(content.mark_seen, actor_of(request), item_id)
    return redirect(request, HERE)


@post(HERE + "/{item_id:str}/tags", **page(role=Role.OPERATOR))
async def tag(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    form = await typed(request)
    try:
        body = parse(content.CHANGE, _with_tags({}, form))
        await room.db.write(content.change, actor_of(request), item_id, body)
    except RackhandError as error:
        return render_again(request, _TEMPLATE, error, form, **await _list_page(room))
    return redirect(request, HERE, say(request, N_("The tags were saved.")))


@post(HERE + "/{item_id:str}/archive", **page(role=Role.OPERATOR))
async def archive(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    await room.db.write(content.archive, actor_of(request), item_id)
    return redirect(request, HERE, say(request, N_("The video was archived; runs keep its address.")))


@post(HERE + "/{item_id:str}/restore", **page(role=Role.OPERATOR))
async def restore(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    await room.db.write(content.restore, actor_of(request), item_id)
    return redirect(request, HERE, say(request, N_("The video is back.")))


@get(SOURCE, **page(role=Role.VIEWER))
async def show_source(request: Request, room: Room) -> Response:
    return render(request, _SOURCE_TEMPLATE, source=await room.db.read(content_source.read))


@post(SOURCE, **page(role=Role.ADMIN))
async def change_source(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = await read_unchecked(request, content_source.CHANGE)
        if form.get("remove") == "yes":
            body["api_key"] = ""
        await room.desk.change_source(actor_of(request), parse(content_source.CHANGE, body))
    except RackhandError as error:
        form.pop("/api_key", None)
        return render_again(request, _SOURCE_TEMPLATE, error, form, source=await room.db.read(content_source.read))
    return redirect(request, SOURCE, say(request, N_("Saved. The key is stored encrypted and not shown again.")))


handlers: list[Any] = [
    show,
    preview,
    register,
    all_seen,
    seen,
    tag,
    archive,
    restore,
    show_source,
    change_source,
]
