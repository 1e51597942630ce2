"""`/runs/{id}`: one run: how far it is, what failed and how alike, every device over time; stop it, run it again."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import RackhandError
from rackhand.core.schema import Field, Integer, parse
from rackhand.core.target import format_indexes
from rackhand.engine import racks, reruns, rollouts, run_pages, run_views, runs
from rackhand.engine.access import Actor, Role, audit
from rackhand.engine.rollouts import Moved
from rackhand.engine.run_pages import RunPage
from rackhand.engine.run_views import RunDetail
from rackhand.engine.runs import Created, Stopped
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Parts, Room
from rackhand.server.web import timeline
from rackhand.server.web.draft import rollout_of
from rackhand.server.web.forms import FormValues, read_unchecked, typed
from rackhand.server.web.heat import DOTS_FROM
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.page import formats_of, is_fragment, page, redirect, render, render_again, say
from rackhand.server.web.runs import TRIGGERS
from rackhand.store.db import Tx
from rackhand.store.steps import Span

PERIOD_MS = 1_500
_PAGE = {"page": Field(Integer(1, 100_000), 1)}
_STATUS_WORDS = {
    "running": N_("running"),
    "succeeded": N_("succeeded"),
    "failed": N_("failed"),
    "timed_out": N_("timed out, outcome unknown"),
    "aborted": N_("aborted, outcome unknown"),
    "skipped": N_("skipped by the dice"),
}


@get("/runs/{run_id:str}", **page(role=Role.VIEWER, query=_PAGE))
async def show(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    values = await run_page(request, room, run_id, read_query(request)["page"])
    return render(request, "run/_poll.html" if is_fragment(request) else "run/run.html", **values)


async def run_page(request: Request, room: Parts, run_id: str, number: int = 1) -> dict[str, Any]:
    """What the page of a run shows; the page of one of its devices is this page with its panel open."""
    view = await room.db.read(run_pages.read, run_id, number)
    shown = racks.run_racks(view.detail.heatmap.devices)
    many = len(view.detail.heatmap.devices)
    return {
        "view": view,
        "run": view.detail.run,
        "counts": view.detail.counts,
        "racks": shown,
        "tones": racks.count_racks(shown),
        "density": "compact" if many <= DOTS_FROM else "dots",
        "source": "" if view.is_final else f"/api/runs/{run_id}?view=packed",
        "period": PERIOD_MS,
        "timeline": _draw(request, view),
        "number_of_page": number,
        "trigger": TRIGGERS.get(view.detail.run.trigger, view.detail.run.trigger),
        "outcomes": [name for name in reruns.OUTCOMES if view.detail.counts[name]],
        "waves": [wave for wave in view.detail.waves if wave.wave],
        "wave_indexes": _wave_indexes(view.detail),
        "opened": None,
        "is_poll": is_fragment(request),
    }


def _wave_indexes(detail: RunDetail) -> dict[int, str]:
    """`3,7-9`: the devices of each wave."""
    cells = detail.heatmap.devices
    return {wave.wave: format_indexes(c.index for c in cells if c.wave == wave.wave) for wave in detail.waves}


def _draw(request: Request, view: RunPage) -> Any:
    formats, run = formats_of(request), view.detail.run
    frame = timeline.frame_of(run.started_at, run.finished_at, view.now, [each.cell.index for each in view.waiting])

    def told(span: Span) -> str:
        end = span.finished_at if span.finished_at is not None else view.now
        return say(
            request,
            "device {index}, step {step} ({title}): {status}, {duration}",
            index=span.device_index,
            step=span.step_index + 1,
            title=view.steps[span.step_index].title if span.step_index < len(view.steps) else "?",
            status=say(request, _STATUS_WORDS.get(span.status, span.status)),
            duration=formats.duration(end - span.started_at),
        )

    indexes = [cell.index for cell in view.shown]
    base = f"/runs/{run.id}/devices"
    return timeline.draw(frame, indexes, view.spans, base, told, say(request, "Timeline"), formats.duration)


@post("/runs/{run_id:str}/stop", **page(role=Role.OPERATOR))
async def stop(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    stopped = await room.db.write(_stop, actor_of(request), run_id, room)
    room.wakeups.wake_all(stopped.wake)
    text = N_("The run is stopping: what is queued is stopped, what runs has its grace.")
    return redirect(request, f"/runs/{run_id}", say(request, text))


def _stop(tx: Tx, actor: Actor, run_id: str, room: Parts) -> Stopped:
    audit(tx, actor, "run.stop", f"run:{run_id}")
    return runs.stop_run(tx, run_id, room.periods)


@post("/runs/{run_id:str}/rollout/resume", **page(role=Role.OPERATOR))
async def resume(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    moved = await room.db.write(_resume, actor_of(request), run_id)
    room.wakeups.wake_all(moved.wake)
    return redirect(request, f"/runs/{run_id}", say(request, N_("The rollout goes on.")))


def _resume(tx: Tx, actor: Actor, run_id: str) -> Moved:
    audit(tx, actor, "run.rollout_resume", f"run:{run_id}")
    return rollouts.resume(tx, run_id)


@post("/runs/{run_id:str}/rollout/abort", **page(role=Role.OPERATOR))
async def abort(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    moved = await room.db.write(_abort, actor_of(request), run_id, room)
    room.wakeups.wake_all(moved.wake)
    return redirect(request, f"/runs/{run_id}", say(request, N_("The rollout is aborted: what is queued is stopped.")))


def _abort(tx: Tx, actor: Actor, run_id: str, room: Parts) -> Moved:
    audit(tx, actor, "run.rollout_abort", f"run:{run_id}")
    return rollouts.abort(tx, run_id, room.periods)


@post("/runs/{run_id:str}/rerun", **page(role=Role.OPERATOR, once=True))
async def rerun(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    form = await typed(request)
    try:
        body = parse(reruns.RERUN, _rerun_body(await read_unchecked(request, reruns.RERUN), form))
        created = await room.begin(_rerun, actor_of(request), run_id, body)
    except RackhandError as error:
        await room.db.read(run_views.get_rev, run_id)
        return render_again(request, "run/run.html", error, form, **await run_page(request, room, run_id))
    return redirect(request, f"/runs/{created.view.id}", say(request, N_("The rerun has started.")))


def _rerun_body(body: dict[str, Any], form: FormValues) -> dict[str, Any]:
    """Waves are typed as in the builder, and count only where they are wanted."""
    body.pop("rollout", None)
    waves = {name.removeprefix("/rollout/"): text for name, text in form.items() if name.startswith("/rollout/")}
    return body | ({"rollout": rollout_of(waves)} if waves.get("on") == "true" else {})


def _rerun(tx: Tx, actor: Actor, run_id: str, body: dict[str, Any]) -> Created:
    return reruns.rerun(tx, run_id, body, actor.name, actor.remote_addr)


handlers: list[Any] = [show, stop, resume, abort, rerun]
