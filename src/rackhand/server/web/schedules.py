"""`/schedules`: playbooks that run by the clock, one of them with its history, pausing and deleting."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.schema import Field, Text
from rackhand.engine import schedules
from rackhand.engine.access import Role
from rackhand.engine.paging import Page
from rackhand.engine.schedules import FiringView, ScheduleView
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Room
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import page, redirect, render, say
from rackhand.store.db import Tx

HERE = "/schedules"
ONE = HERE + "/{schedule_id:str}"
_PAGE = 50
_CURSOR = {"cursor": Field(Text(1, 500), None)}
STATES = {
    "started": ("done", "check", N_("Started a run")),
    "waiting": ("waiting", "wait", N_("Waiting")),
    "skipped": ("idle", "skip", N_("Skipped")),
    "missed": ("error", "clock", N_("Missed")),
    "failed": ("error", "alert", N_("No run")),
}
MISFIRES = {"skip": N_("Leave them out"), "once": N_("Run once for all of them")}
OVERLAPS = {
    "skip": N_("Leave this time out"),
    "queue": N_("Wait for its end (one time only)"),
    "allow": N_("Start beside it"),
}


@get(HERE, **page(role=Role.VIEWER, query=_CURSOR | {"playbook_id": Field(Text(1, 64), None)}))
async def show(request: Request, room: Room) -> Response:
    query = read_query(request)
    found = await room.db.read(schedules.list_schedules, query | {"limit": _PAGE})
    return render(request, "schedules/schedules.html", found=found, states=STATES)


@get(ONE, **page(role=Role.VIEWER, query=_CURSOR))
async def one(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    """A schedule, its next times and what became of those before."""
    cursor = read_query(request)["cursor"]
    view, history = await room.db.read(_read_one, schedule_id, cursor)
    words: dict[str, Any] = {"states": STATES, "misfires": MISFIRES, "overlaps": OVERLAPS}
    return render(request, "schedules/schedule.html", view=view, history=history, cursor=cursor, **words)


def _read_one(tx: Tx, schedule_id: str, cursor: str | None) -> tuple[ScheduleView, Page[FiringView]]:
    query = {"limit": _PAGE, "cursor": cursor}
    return schedules.get_schedule(tx, schedule_id), schedules.history(tx, schedule_id, query)


@post(ONE + "/pause", **page(role=Role.OPERATOR))
async def pause(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    await room.db.write(schedules.pause, actor_of(request), schedule_id)
    return redirect(request, f"{HERE}/{schedule_id}", say(request, N_("The schedule is paused; nothing starts.")))


@post(ONE + "/resume", **page(role=Role.OPERATOR))
async def resume(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    await room.db.write(schedules.resume, actor_of(request), schedule_id)
    return redirect(request, f"{HERE}/{schedule_id}", say(request, N_("The schedule goes on with its next time.")))


@post(ONE + "/delete", **page(role=Role.OPERATOR))
async def delete(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    await room.db.write(schedules.delete, actor_of(request), schedule_id)
    return redirect(request, HERE, say(request, N_("The schedule is deleted; its runs are kept.")))


handlers: list[Any] = [show, one, pause, resume, delete]
