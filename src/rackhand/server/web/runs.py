"""`/runs`: all runs, newest first, narrowed by status, trigger and title; the table asks for itself while open."""

from typing import Any

from litestar import get

from rackhand.core.schema import Choice, Field, Text
from rackhand.core.states import RolloutState, RunStatus
from rackhand.engine import run_views
from rackhand.engine.access import Role
from rackhand.engine.paging import decode_cursor, encode_cursor
from rackhand.server.contract import PAGE, Request, Response, read_query
from rackhand.server.room import Room
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import is_fragment, page, render

TRIGGERS = {
    "api": N_("API"),
    "ui": N_("page"),
    "cli": N_("command line"),
    "schedule": N_("schedule"),
    "rerun": N_("rerun"),
    "adhoc": N_("single command"),
}
_ANY = ("",)
_QUERY = PAGE | {
    "q": Field(Text(0, 200), ""),
    "status": Field(Choice((*_ANY, *RunStatus)), ""),
    "trigger": Field(Choice((*_ANY, *TRIGGERS)), ""),
    "rollout": Field(Choice((*_ANY, *RolloutState)), ""),
    "playbook_id": Field(Text(0, 64), ""),
}
ROLLOUTS = {"halted": N_("Halted rollouts"), "rolling": N_("Rollouts under way")}


@get("/runs", **page(role=Role.VIEWER, query=_QUERY))
async def show(request: Request, room: Room) -> Response:
    query = read_query(request)
    names = ("q", "status", "trigger", "playbook_id")
    filters = {name: query[name].strip() or None for name in names}
    filters["rollout_state"] = query["rollout"] or None
    after = decode_cursor(query["cursor"], tuple[int, str])
    found = await room.db.read(run_views.list_runs, limit=query["limit"] + 1, after=after, filters=filters)
    shown = found[: query["limit"]]
    following = encode_cursor(shown[-1].created_at, shown[-1].id) if len(found) > len(shown) else None
    return render(
        request,
        "runs/_table.html" if is_fragment(request) else "runs/runs.html",
        runs=shown,
        next_cursor=following,
        chosen={name: query[name].strip() for name in (*names, "rollout")},
        rollouts=ROLLOUTS,
        is_narrowed=any(filters.values()) or query["cursor"] is not None,
        triggers=TRIGGERS,
        statuses=[status.value for status in RunStatus],
        query_string=request.scope["query_string"].decode("latin-1"),
    )


handlers: list[Any] = [show]
