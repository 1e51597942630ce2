"""`/settings/users`: one's own password for everybody; for administrators who may log in, as what, and links for those
who forgot their password. A link is shown on the page that answers the form, once.
"""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import NotFound, RackhandError
from rackhand.core.schema import parse
from rackhand.engine import accounts, login_links
from rackhand.engine.access import Role
from rackhand.engine.accounts import OWN_PASSWORD, USER, USER_CHANGE, UserView
from rackhand.server import logins
from rackhand.server.api import users
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Parts, Room
from rackhand.server.web.forms import read_form, read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say

_HERE = "/settings/users"
_LIST, _NEW, _ONE = "settings/users.html", "settings/user_new.html", "settings/user.html"


async def _everybody(request: Request, room: Parts) -> tuple[UserView, ...]:
    """Administrators see all, others nobody."""
    if actor_of(request).role is not Role.ADMIN:
        return ()
    return (await room.db.read(accounts.list_users)).items


async def _one(room: Parts, user_id: str) -> UserView:
    for person in (await room.db.read(accounts.list_users)).items:
        if person.id == user_id:
            return person
    raise NotFound("there is no user {id}", id=user_id[:64])


@get(_HERE, **page(role=Role.VIEWER))
async def show(request: Request, room: Room) -> Response:
    return render(request, _LIST, people=await _everybody(request, room))


@post(_HERE + "/password", **page(role=Role.VIEWER))
async def set_own_password(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(OWN_PASSWORD, await read_unchecked(request))
        await logins.set_own_password(request, room, body)
    except RackhandError as error:
        return render_again(request, _LIST, error, form, people=await _everybody(request, room))
    notice = say(request, N_("Your password is set. Your other browsers were logged out."))
    return redirect(request, _HERE, notice)


@get(_HERE + "/new", **page(role=Role.ADMIN))
async def show_new(request: Request) -> Response:
    return render(request, _NEW)


@post(_HERE + "/new", **page(role=Role.ADMIN))
async def create(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        person = await users.create(request, room, parse(USER, await read_unchecked(request)))
    except RackhandError as error:
        return render_again(request, _NEW, error, form)
    return redirect(request, _HERE, say(request, N_("{name} can log in now."), name=person.name))


@get(_HERE + "/{user_id:str}", **page(role=Role.ADMIN))
async def show_one(request: Request, room: Room, user_id: FromPath[str]) -> Response:
    return render(request, _ONE, person=await _one(room, user_id), link=None)


@post(_HERE + "/{user_id:str}", **page(role=Role.ADMIN))
async def change(request: Request, room: Room, user_id: FromPath[str]) -> Response:
    form = await typed(request)
    try:
        person = await users.change(request, room, user_id, await read_form(request, USER_CHANGE))
    except RackhandError as error:
        return render_again(request, _ONE, error, form, person=await _one(room, user_id), link=None)
    return redirect(request, _HERE, say(request, N_("{name} was changed."), name=person.name))


@post(_HERE + "/{user_id:str}/link", **page(role=Role.ADMIN))
async def make_link(request: Request, room: Room, user_id: FromPath[str]) -> Response:
    person = await _one(room, user_id)
    try:
        secret = await room.db.write(login_links.make_link, person.name, actor_of(request))
    except RackhandError as error:
        return render_again(request, _ONE, error, {}, person=person, link=None)
    link = f"{request.url.scheme}://{request.headers['host']}/login/{secret}"
    return render(request, _ONE, person=person, link=link)


handlers: list[Any] = [show, set_own_password, show_new, create, show_one, change, make_link]
