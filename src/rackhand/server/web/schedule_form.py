"""Making and changing a schedule: the form, and the next five times that it shows while one types.

The fields of the run are those of the builder (`/run/target/scope` ...), so that its parts draw them.
"""

from dataclasses import dataclass
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core import template
from rackhand.core.errors import FieldError, Invalid, RackhandError
from rackhand.core.schema import parse
from rackhand.engine import enrolment, playbooks, schedules, zones
from rackhand.engine.access import Role
from rackhand.engine.enrolment import NodeView
from rackhand.engine.playbooks import PlaybookItem, PlaybookView
from rackhand.engine.schedules import SCHEDULE, TIMES, NextTimes, ScheduleView
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.room import Parts, Room
from rackhand.server.web import draft as drafted
from rackhand.server.web.draft import Draft, below, text_at
from rackhand.server.web.forms import errors_by_field, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import locale_of, localised
from rackhand.server.web.page import page, redirect, render, render_again, say
from rackhand.server.web.schedules import HERE, MISFIRES, ONE, OVERLAPS
from rackhand.store.db import Tx

_TEMPLATE = "schedules/form.html"
_OF_RUN = ("/target", "/params", "/secrets", "/policy", "/rollout", "/steps")
_MOST = 500
_OWN = ("title", "cron", "time_zone", "misfire", "overlap")


@dataclass(frozen=True, slots=True)
class FormView:
    """What `schedules/form.html` shows; `run`, `nodes` and `chosen_nodes` are what the builder's parts read."""

    draft: Draft
    values: dict[str, str]
    schedule: ScheduleView | None
    playbook: PlaybookView | None
    choices: tuple[PlaybookItem, ...]
    nodes: tuple[NodeView, ...]

    def run(self, *keys: str) -> str:
        return text_at(self.draft.run, *keys)

    @property
    def chosen_nodes(self) -> tuple[str, ...]:
        nodes = below(self.draft.run, "target").get("nodes")
        return tuple(nodes) if isinstance(nodes, list) else ()

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """What the playbook needs, and what was typed for it."""
        return tuple((name, text_at(self.draft.run, "params", name)) for name in self._names("params"))

    @property
    def secrets(self) -> tuple[str, ...]:
        return self._names("secrets")

    def _names(self, family: str) -> tuple[str, ...]:
        steps = self.playbook.steps if self.playbook else ()
        return template.names_of([step.params for step in steps], family)


@get(HERE + "/new", **page(role=Role.OPERATOR))
async def show_new(request: Request, room: Room) -> Response:
    """`?playbook=<id>`, and the target as in the builder's form."""
    pairs = request.query_params.multi_items()
    draft = drafted.read((name, value) for name, value in pairs if name.startswith("/run/"))
    draft.playbook_id = request.query_params.get("playbook", "")[:64]
    view = await room.db.read(_load, draft, {"time_zone": _zone_of(request)}, None)
    return await _render(request, room, view)


def _zone_of(request: Request) -> str:
    """The zone that most readers of the language live in."""
    return "Asia/Seoul" if locale_of(request) == "ko" else "UTC"


@post(HERE + "/new", **page(role=Role.OPERATOR, once=True))
async def create(request: Request, room: Room) -> Response:
    draft = await _draft(request)
    try:
        body = parse(SCHEDULE, await _body(request, draft))
        sealed = room.vault.seal(body["secrets"])
        made = await room.db.write(schedules.create, actor_of(request), body, sealed)
    except RackhandError as error:
        return await _again(request, room, error, draft, None)
    return redirect(request, f"{HERE}/{made.id}", say(request, N_("The schedule is made.")))


@get(ONE + "/edit", **page(role=Role.OPERATOR))
async def show_edit(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    schedule = await room.db.read(schedules.get_schedule, schedule_id)
    values = {name: str(getattr(schedule, name)) for name in _OWN}
    view = await room.db.read(_load, draft_of(schedule), values, schedule)
    return await _render(request, room, view)


@post(ONE + "/edit", **page(role=Role.OPERATOR))
async def change(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    schedule, draft = await room.db.read(schedules.get_schedule, schedule_id), await _draft(request)
    try:
        wanted = await _body(request, draft) | {"is_enabled": schedule.is_enabled}
        body = parse(SCHEDULE, wanted)
        sealed = room.vault.seal(body["secrets"])
        await room.db.write(schedules.change, actor_of(request), schedule_id, body, sealed)
    except RackhandError as error:
        return await _again(request, room, error, draft, schedule)
    return redirect(request, f"{HERE}/{schedule_id}", say(request, N_("The schedule was changed.")))


@get(HERE + "/preview", **page(role=Role.VIEWER))
async def preview(request: Request, room: Room) -> Response:
    """The next times, as the form asks for them while one types."""
    asked = {name: request.query_params.get(f"/{name}", "") for name in ("cron", "time_zone")}
    times, problem = await _times(request, room, asked)
    return render(request, "schedules/_times.html", times=times, problem=problem)


async def _times(request: Request, room: Parts, asked: dict[str, str]) -> tuple[NextTimes | None, str]:
    if not asked["cron"].strip():
        return None, ""
    try:
        return await room.db.read(schedules.preview, parse(TIMES, asked)), ""
    except Invalid as error:
        return None, "; ".join(localised(locale_of(request), text) for text in errors_by_field(error).values())


async def _draft(request: Request) -> Draft:
    form = await request.form()
    return drafted.read((name, value) for name, value in form.multi_items() if isinstance(value, str))


async def _body(request: Request, draft: Draft) -> dict[str, Any]:
    form = await typed(request)
    run = {name: value for name, value in drafted.run_body(draft).items() if name != "seed"}
    own = {name: form[f"/{name}"] for name in _OWN if form.get(f"/{name}", "") != ""}
    return own | run | {"playbook_id": draft.playbook_id[:64]}


async def _again(
    request: Request, room: Parts, error: RackhandError, draft: Draft, schedule: ScheduleView | None
) -> Response:
    if isinstance(error, Invalid):
        error = Invalid([_below_run(each) for each in error.errors])
    form = await typed(request)
    view = await room.db.read(_load, draft, {name: form.get(f"/{name}", "") for name in _OWN}, schedule)
    times, problem = await _times(request, room, {name: view.values.get(name, "") for name in ("cron", "time_zone")})
    more: dict[str, Any] = {"misfires": MISFIRES, "overlaps": OVERLAPS, "zones": zones.names()}
    return render_again(request, _TEMPLATE, error, form, builder=view, times=times, problem=problem, **more)


def _below_run(error: FieldError) -> FieldError:
    is_of_run = error.path.startswith(_OF_RUN)
    return FieldError(f"/run{error.path}", error.template, error.values) if is_of_run else error


async def _render(request: Request, room: Parts, view: FormView) -> Response:
    times, problem = await _times(request, room, {name: view.values.get(name, "") for name in ("cron", "time_zone")})
    more: dict[str, Any] = {"misfires": MISFIRES, "overlaps": OVERLAPS, "zones": zones.names()}
    return render(request, _TEMPLATE, builder=view, times=times, problem=problem, **more)


def _load(tx: Tx, draft: Draft, values: dict[str, str], schedule: ScheduleView | None) -> FormView:
    chosen = playbooks.get_playbook(tx, draft.playbook_id) if draft.playbook_id else None
    choices = playbooks.list_playbooks(tx, {"limit": _MOST, "cursor": None, "q": None}).items
    if chosen is not None and not values.get("title"):
        values = values | {"title": chosen.title}
    values = dict.fromkeys(_OWN, "") | values
    return FormView(draft, values, schedule, chosen, choices, tuple(enrolment.list_nodes(tx).items))


def draft_of(schedule: ScheduleView) -> Draft:
    """A schedule as the texts of the form."""
    target = {name: value for name, value in schedule.target.items() if isinstance(value, str | list)}
    if isinstance(schedule.target.get("labels"), dict):
        target["labels"] = ", ".join(f"{name}={value}" for name, value in schedule.target["labels"].items())
    run = {"target": target, "params": dict(schedule.params), "policy": _policy_texts(schedule.policy)}
    if schedule.rollout is not None:
        run["rollout"] = _rollout_texts(schedule.rollout)
    return Draft(title=schedule.title, playbook_id=schedule.playbook_id, run=run)


def _policy_texts(policy: dict[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = {
        name: str(policy[name]) for name in ("concurrency", "retry_count", "deadline_s") if name in policy
    }
    texts |= {
        f"{name}_s": drafted.seconds(policy[f"{name}_ms"])
        for name in ("timeout", "grace_wait")
        if f"{name}_ms" in policy
    }
    if isinstance(policy.get("offline"), dict):
        texts["offline"] = {"wait_s": str(policy["offline"]["wait_s"])}
    return texts


def _rollout_texts(rollout: dict[str, Any]) -> dict[str, Any]:
    return {
        "on": "true",
        "by_hand": "false" if rollout.get("auto", True) else "true",
        "waves": ", ".join(str(wave) for wave in rollout.get("waves") or ()),
        "max_failed_percent": f"{rollout.get('max_failed_ratio', 0.2) * 100:g}",
    }


handlers: list[Any] = [show_new, create, preview, show_edit, change]
