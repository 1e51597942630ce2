"""`/commands`: the table of command assets beside the playbook builder. Editing one is in command.py."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.assets import KINDS
from rackhand.core.schema import Boolean, Choice, Field, Integer, Text
from rackhand.engine import catalog, command_pages, presets
from rackhand.engine.access import Role
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Parts, Room
from rackhand.server.web import builder
from rackhand.server.web.draft import as_text
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, say

HERE = "/commands"
_PAGE = 100
_SUMMARY = 120
QUERY = {
    "q": Field(Text(0, 200), ""),
    "folder": Field(Text(0, 200), ""),
    "kind": Field(Choice(("", *KINDS)), ""),
    "is_archived": Field(Boolean(), False),
    "cursor": Field(Text(1, 500), None),
    "playbook": Field(Text(1, 64), None),
    "content": Field(Text(1, 64), None),
    "revision": Field(Integer(1, 1_000_000), None),
}


@get(HERE, **page(role=Role.VIEWER, query=QUERY))
async def show(request: Request, room: Room) -> Response:
    return render(request, "commands/commands.html", **await table_page(request, room, read_query(request)))


async def table_page(request: Request, room: Parts, chosen: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the page shows; the pages of one command are this page with their panel open."""
    chosen = chosen or {name: field.default for name, field in QUERY.items()}
    query = {name: chosen[name] or None for name in ("q", "folder", "kind")}
    query |= {"is_archived": chosen["is_archived"], "cursor": chosen["cursor"], "limit": _PAGE}
    return {
        "table": await room.db.read(command_pages.read_table, query),
        "chosen": chosen,
        "is_narrowed": any(chosen[name] for name in ("q", "folder", "kind", "is_archived", "cursor")),
        "kinds": KINDS,
        "summary": _summary,
        "builder": await builder.load(room, request),
        "panel": None,
    }


def _summary(params: dict[str, Any]) -> str:
    """The parameters in one line."""
    texts = (as_text(value).strip() for value in params.values())
    return " · ".join(text.splitlines()[0] for text in texts if text)[:_SUMMARY]


@post(HERE + "/presets", **page(role=Role.OPERATOR))
async def register_presets(request: Request, room: Room) -> Response:
    await room.db.write(presets.register_presets, actor_of(request))
    return redirect(request, HERE, say(request, N_("The presets are there: commands and a playbook.")))


@post(HERE + "/{asset_id:str}/archive", **page(role=Role.OPERATOR))
async def archive(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    await room.db.write(catalog.archive_asset, actor_of(request), asset_id)
    return redirect(request, HERE, say(request, N_("Archived. Saved playbooks keep their copy.")))


@post(HERE + "/{asset_id:str}/restore", **page(role=Role.OPERATOR))
async def restore(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    await room.db.write(catalog.restore_asset, actor_of(request), asset_id)
    return redirect(request, HERE, say(request, N_("The command is back.")))


handlers: list[Any] = [show, register_presets, archive, restore]
