"""`/login`, `/login/{secret}` and `/logout`: in by a name and a password or by a one-time link, and out again.

After a login the browser goes to `next`, a path of this server. Looking at a link uses nothing up; its button does.
"""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import NotAuthenticated, NotFound, RackhandError
from rackhand.core.schema import Field, Record, Text, parse
from rackhand.engine import login_links, sessions
from rackhand.server import logins, session_cookie
from rackhand.server.contract import PUBLIC, Request, Response
from rackhand.server.room import Room
from rackhand.server.web.forms import read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say

_LOGIN = Record({"name": Text(1, 200), "password": Text(1, 200), "next": Field(Text(0, 2000), "/")})
_TEMPLATE = "login/login.html"


def local_path(given: str) -> str:
    """Where to go after the login: the path if it is one of this server, else the dashboard."""
    is_local = given.startswith("/") and not given.startswith(("//", "/login", "/logout"))
    return given if is_local and given.isprintable() and "\\" not in given else "/"


@get("/login", **page(role=PUBLIC, query={"next": Field(Text(0, 2000), "/")}))
async def show(request: Request, room: Room) -> Response:
    onward = local_path(request.query_params.get("next", "/"))
    if await session_cookie.find(request) is not None:
        return redirect(request, onward)
    return render(request, _TEMPLATE, onward=onward, provider=room.provider_name)


@post("/login", **page(role=PUBLIC))
async def log_in(request: Request, room: Room) -> Response:
    form = await typed(request)
    onward = local_path(form.get("/next", "/"))
    try:
        body = parse(_LOGIN, await read_unchecked(request))
        cookie = await logins.log_in(request, room, body["name"], body["password"])
    except RackhandError as error:
        return render_again(request, _TEMPLATE, error, form, onward=onward, provider=room.provider_name)
    answer = redirect(request, onward)
    session_cookie.set_cookie(request, answer, cookie)
    return answer


@get("/login/{secret:str}", **page(role=PUBLIC))
async def show_link(request: Request, room: Room, secret: FromPath[str]) -> Response:
    is_valid = await room.db.read(login_links.is_link, secret)
    return render(request, "login/link.html", status=200 if is_valid else 404, is_valid=is_valid)


@post("/login/{secret:str}", **page(role=PUBLIC))
async def use_link(request: Request, room: Room, secret: FromPath[str]) -> Response:
    try:
        cookie = await logins.use_link(request, room, secret)
    except NotFound as error:
        return render_again(request, "login/link.html", error, {}, is_valid=False)
    session = await room.db.read(sessions.find_session, cookie)
    if session is None:
        raise NotAuthenticated("the account was changed meanwhile; nobody was logged in: try again")
    notice = say(request, N_("You are logged in as {name}. Set a password under Settings, Users."), name=session.name)
    answer = redirect(request, "/", notice)
    session_cookie.set_cookie(request, answer, cookie)
    return answer


@post("/logout", **page(role=PUBLIC))
async def log_out(request: Request, room: Room) -> Response:
    session = await session_cookie.find(request)
    if session is not None:
        await session_cookie.require_own_page(request, session)
        await room.db.write(sessions.end_session, session)
    answer = redirect(request, "/login", say(request, N_("You are logged out.")))
    session_cookie.clear_cookie(request, answer)
    return answer


handlers: list[Any] = [show, log_in, show_link, use_link, log_out]
