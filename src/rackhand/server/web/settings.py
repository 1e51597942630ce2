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
from rackhand.server.web.draft import number, seconds
from rackhand.server.web.forms import read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, render_again, say

_TEMPLATE = "settings/general.html"
_SECONDS = ("grace_wait", "timeout")
"""Fields that people type in seconds; the body has them in milliseconds."""


@get("/settings", **page(role=Role.VIEWER))
async def show(request: Request, room: Room) -> Response:
    return render(request, _TEMPLATE, view=await room.db.read(preferences.read), seconds=seconds)


@post("/settings", **page(role=Role.ADMIN))
async def change(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(PREFERENCES, _body(await read_unchecked(request, PREFERENCES), form))
        await room.db.write(preferences.change, actor_of(request), body)
    except RackhandError as error:
        view = await room.db.read(preferences.read)
        return render_again(request, _TEMPLATE, error, form, view=view, seconds=seconds)
    return redirect(request, "/settings", say(request, N_("Saved. Runs that start from now on use it.")))


def _body(body: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
    """Seconds become milliseconds, empty boxes the default; offline devices are one choice with its seconds."""
    policy = body.get("policy")
    if isinstance(policy, dict):
        for name in _SECONDS:
            value = number(str(policy.pop(f"{name}_s", "")))
            policy[f"{name}_ms"] = value if isinstance(value, str) else round(value * 1000)
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
