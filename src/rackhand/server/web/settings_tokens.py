"""`/settings/tokens`: API tokens for automation. A new one is shown on the page that answers the form, once."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import RackhandError
from rackhand.core.schema import parse
from rackhand.engine import tokens
from rackhand.engine.access import Role
from rackhand.server.api.tokens import TOKEN
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Room
from rackhand.server.web.forms import read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say

_TEMPLATE = "settings/tokens.html"
_HERE = "/settings/tokens"


@get(_HERE, **page(role=Role.ADMIN))
async def show(request: Request, room: Room) -> Response:
    return render(request, _TEMPLATE, view=await room.db.read(tokens.list_tokens), fresh=None)


@post(_HERE, **page(role=Role.ADMIN))
async def issue(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(TOKEN, await read_unchecked(request, TOKEN))
        fresh = await room.db.write(tokens.issue_token, actor_of(request), body)
    except RackhandError as error:
        view = await room.db.read(tokens.list_tokens)
        return render_again(request, _TEMPLATE, error, form, view=view, fresh=None)
    return render(request, _TEMPLATE, view=await room.db.read(tokens.list_tokens), fresh=fresh)


@post(_HERE + "/{token_id:str}/revoke", **page(role=Role.ADMIN))
async def revoke(request: Request, room: Room, token_id: FromPath[str]) -> Response:
    await room.db.write(tokens.revoke_token, actor_of(request), token_id)
    return redirect(request, _HERE, say(request, N_("The token is not valid any more.")))


handlers: list[Any] = [show, issue, revoke]
