"""`/`: key figures with their trends, work per hour, what to do next, the fleet in small, the last runs."""

from typing import Any

from litestar import get, post
from markupsafe import Markup

from rackhand.core.errors import NotFound
from rackhand.core.schema import Record, Text
from rackhand.engine import dashboard as figures
from rackhand.engine.access import Role
from rackhand.engine.dashboard import Hour
from rackhand.engine.racks import blocked_tiles, count_tones, fleet_racks
from rackhand.engine.todo import Todo
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Room
from rackhand.server.web import todo_actions
from rackhand.server.web.charts import Bar, bars, sparkline, ticks_for
from rackhand.server.web.formats import Formats
from rackhand.server.web.forms import read_form
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import formats_of, localised_all, page, redirect, render, say

_DO = Record({"kind": Text(1, 60), "subject": Text(1, 300)})
_LABEL_EVERY = 4
_SEVERITIES = {"critical": N_("Critical"), "warning": N_("Warning"), "info": N_("Note")}


@get("/", **page(role=Role.VIEWER))
async def dashboard(request: Request, room: Room) -> Response:
    """The whole page; it asks for itself every 15 s and swaps what changed."""
    view = await room.db.read(figures.read, spaces=room.disks.spaces())
    racks = await room.db.read(fleet_racks)
    busiest = max(view.series, key=lambda hour: hour.failed_steps)
    return render(
        request,
        "dashboard/dashboard.html",
        view=view,
        sparks=_sparks(view.series),
        steps_chart=_steps_chart(request, view.series),
        runs_chart=_runs_chart(request, view.series),
        todo=[(item, todo_actions.href_of(item)) for item in view.todo],
        racks=racks,
        why=localised_all(request, await room.db.read(blocked_tiles)),
        counts=count_tones(view.heatmap.packed),
        severities={word: say(request, text) for word, text in _SEVERITIES.items()},
        skipped=sum(hour.offline for hour in view.series),
        busiest=busiest,
        busiest_hour=formats_of(request).hour(busiest.hour_at),
    )


@post("/todo", **page(role=Role.OPERATOR, once=True))
async def act(request: Request, room: Room) -> Response:
    """Do the one thing that solves an entry of the to-do list; the entry is looked up again first."""
    wanted = await read_form(request, _DO)
    view = await room.db.read(figures.read, spaces=room.disks.spaces())
    item = _find(view.todo, wanted)
    done = await todo_actions.act(room, actor_of(request), item)
    return redirect(request, done.location, say(request, done.notice))


def _find(items: tuple[Todo, ...], wanted: dict[str, Any]) -> Todo:
    for item in items:
        if (item.kind, item.subject) == (wanted["kind"], wanted["subject"]):
            return item
    raise NotFound("this entry is no longer on the to-do list; nothing was changed: it may be solved already")


def _sparks(series: tuple[Hour, ...]) -> dict[str, Markup]:
    def rate(hour: Hour) -> float | None:
        return 1 - hour.failed_steps / hour.steps if hour.steps else None

    return {
        "online": sparkline([hour.online_devices for hour in series]),
        "runs": sparkline([hour.runs for hour in series]),
        "rate": sparkline([rate(hour) for hour in series]),
        "failed": sparkline([hour.failed_steps for hour in series]),
        "median": sparkline([hour.median_device_run_ms for hour in series]),
        "attention": sparkline([hour.attention_devices for hour in series]),
        "offline": sparkline([_offline(hour) for hour in series]),
    }


def _offline(hour: Hour) -> int | None:
    if hour.devices is None or hour.online_devices is None:
        return None
    return hour.devices - hour.online_devices


def _steps_chart(request: Request, series: tuple[Hour, ...]) -> Markup:
    formats = formats_of(request)
    columns = [
        Bar(
            (("done", hour.steps - hour.failed_steps), ("error", hour.failed_steps)),
            _label(formats, at, hour),
            say(
                request,
                "{hour}: {steps} steps, {failed} failed",
                hour=formats.hour(hour.hour_at),
                steps=formats.number(hour.steps),
                failed=formats.number(hour.failed_steps),
            ),
        )
        for at, hour in enumerate(series)
    ]
    return _chart(formats, columns, say(request, "Steps per hour"), max(hour.steps for hour in series))


def _runs_chart(request: Request, series: tuple[Hour, ...]) -> Markup:
    formats = formats_of(request)
    columns = [
        Bar(
            (("running", hour.runs),),
            _label(formats, at, hour),
            say(request, "{hour}: {runs} runs", hour=formats.hour(hour.hour_at), runs=formats.number(hour.runs)),
        )
        for at, hour in enumerate(series)
    ]
    return _chart(formats, columns, say(request, "Runs per hour"), max(hour.runs for hour in series))


def _chart(formats: Formats, columns: list[Bar], name: str, highest: int) -> Markup:
    ticks = ticks_for(highest)
    return bars(columns, name, [formats.number(tick) for tick in ticks], ticks)


def _label(formats: Formats, at: int, hour: Hour) -> str:
    return formats.hour(hour.hour_at) if at % _LABEL_EVERY == 0 else ""


handlers: list[Any] = [dashboard, act]
