"""`/settings`: what the workspace decides for all its runs, how long history is kept, the language of the pages."""

from typing import Any

from litestar import get, post

from rackhand.core.errors import RackhandError
from rackhand.core.schema import parse
from rackhand.engine import preferences
from rackhand.engine.access import Role
from rackhand.engine.preferences import PREFERENCES
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Room
from rackhand.server.web.forms import read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say

_TEMPLATE = "settings/general.html"
_SECONDS = ("grace_wait", "timeout")


@get("/settings", **page(role=Role.VIEWER))
async def show(request: Request, room: Room) -> Response:
    return render(request, _TEMPLATE, view=await room.db.read(preferences.read))


@post("/settings", **page(role=Role.ADMIN))
async def change(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(PREFERENCES, _body(await read_unchecked(request, PREFERENCES), form))
        await room.db.write(preferences.change, actor_of(request), body)
    except RackhandError as error:
        view = await room.db.read(preferences.read)
        return render_again(request, _TEMPLATE, error, form, view=view)
    return redirect(request, "/settings", say(request, N_("Saved. Runs that start from now on use it.")))


def _body(body: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
    """Empty boxes mean the default; the choice for offline devices is one box with its seconds."""
    policy = body.get("policy")
    if isinstance(policy, dict):
        wait = policy.pop("wait_s", None)
        if policy.get("offline") == "wait":
            policy["offline"] = {"wait_s": wait if wait is not None else form.get("/policy/wait_s", "")}
        policy = {name: value for name, value in policy.items() if value != ""}
        body = body | {"policy": policy}
    retention = body.get("retention")
    if isinstance(retention, dict):
        body = body | {"retention": {name: value for name, value in retention.items() if value != ""}}
    limits = body.get("limits")
    if isinstance(limits, dict):
        body = body | {"limits": {name: value for name, value in limits.items() if value != ""}}
    return body


handlers: list[Any] = [show, change]
