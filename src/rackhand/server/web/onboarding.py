"""`/onboarding`: what Rackhand is, a checklist that ticks itself, the first node, and presets to run at once.

A preset is shown step by step with the plan of its run; the form's fields are those of POST /api/presets/{key}/runs,
but for the devices (numbers, empty: all of them) and a file, which may come along as an upload.
"""

from dataclasses import dataclass, field
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core import presets as known
from rackhand.core.errors import Invalid, RackhandError
from rackhand.core.presets import PRESETS, Preset
from rackhand.core.schema import parse
from rackhand.engine import enrolment, onboarding, presets, scans
from rackhand.engine.access import Role
from rackhand.engine.enrolment import NODE
from rackhand.engine.presets import PRESET_PLAN, PRESET_RUN
from rackhand.engine.runs import PlanView
from rackhand.engine.scans import SCAN_REQUEST
from rackhand.server.contract import Request, Response, actor_of
from rackhand.server.errors import status_of
from rackhand.server.room import Parts, Room
from rackhand.server.web import sent_files
from rackhand.server.web.builder import grouped
from rackhand.server.web.forms import FormValues, errors_by_field, read_form, read_unchecked, typed, uploads
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import locale_of, localised
from rackhand.server.web.page import alert_of, is_fragment, page, redirect, render, render_again, say, wants_problem
from rackhand.server.web.settings_nodes import commands, server_of
from rackhand.store.db import Tx

HERE = "/onboarding"
_TEMPLATE = "onboarding/onboarding.html"
POINTS = {
    "node": N_("A PC is connected"),
    "adb": N_("Its adb works"),
    "devices": N_("Devices are seen"),
    "authorised": N_("They are authorised and answer"),
    "scan": N_("The first scan"),
    "run": N_("The first run"),
}


@dataclass(slots=True)
class Card:
    """One preset as it is shown: its plan, or why there is none, and what was typed."""

    preset: Preset
    plan: PlanView | None = None
    left_out: tuple[tuple[str, str, int], ...] = ()
    problems: tuple[str, ...] = ()
    typed: FormValues = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@get(HERE, **page(role=Role.VIEWER))
async def show(request: Request, room: Room) -> Response:
    if is_fragment(request):
        return render(request, "onboarding/_checklist.html", **await _checklist(room))
    return render(request, _TEMPLATE, **await _page(request, room))


async def _checklist(room: Parts) -> dict[str, Any]:
    return {"view": await room.db.read(onboarding.read), "points": POINTS}


async def _page(request: Request, room: Parts, changed: Card | None = None, **values: Any) -> dict[str, Any]:
    """What the page shows; `changed` stands for the card of its preset."""
    cards = [
        changed if changed is not None and changed.preset is preset else await _card(request, room, preset)
        for preset in PRESETS
    ]
    free = await room.db.read(_free_id)
    return await _checklist(room) | {"cards": cards, "free_id": free, "fresh": None, "commands": []} | values


def _free_id(tx: Tx) -> str:
    """`PC-01`, or the first such name that no node has."""
    taken = {node.id for node in enrolment.list_nodes(tx).items}
    return next(name for name in (f"PC-{n:02d}" for n in range(1, len(taken) + 2)) if name not in taken)


async def _card(request: Request, room: Parts, preset: Preset, form: FormValues | None = None) -> Card:
    """The preset with the plan of what was typed, else of a run on all devices."""
    locale = locale_of(request)
    card = Card(preset, typed=form or {})
    try:
        body = parse(PRESET_PLAN, _body(await read_unchecked(request, PRESET_PLAN)) if form else {})
        card.plan = await room.db.read(presets.plan, preset.key, body)
        card.left_out = grouped(card.plan.exclusions, locale)
    except Invalid as error:
        texts = (localised(locale, text) for text in errors_by_field(error).values())
        card.problems = tuple(dict.fromkeys(texts))
    return card


def _body(body: dict[str, Any]) -> dict[str, Any]:
    """The form as a body of the API: no numbers mean all devices, an empty box is its default."""
    target = body.pop("target", None)
    indexes = target.get("indexes", "") if isinstance(target, dict) else ""
    body["target"] = {"scope": "indexes", "indexes": indexes} if str(indexes).strip() else {"scope": "all"}
    if body.get("policy") == {"concurrency": ""}:
        del body["policy"]
    return {name: value for name, value in body.items() if value != ""}


@post(HERE + "/presets/{preset:str}/plan", **page(role=Role.OPERATOR))
async def plan(request: Request, room: Room, preset: FromPath[str]) -> Response:
    """What a run would do now: the plan alone for the script, or the page."""
    card = await _card(request, room, known.find(preset), await typed(request))
    if is_fragment(request):
        return render(request, "onboarding/_plan.html", card=card)
    return render(request, _TEMPLATE, **await _page(request, room, card))


@post(HERE + "/presets/{preset:str}", **page(role=Role.OPERATOR, once=True))
async def run(request: Request, room: Room, preset: FromPath[str]) -> Response:
    wanted, form = known.find(preset), await typed(request)
    try:
        body = _body(await read_unchecked(request, PRESET_RUN))
        sent = (await uploads(request)).get("upload")
        if sent is not None:
            body["file"] = await sent_files.keep(request, room, sent)
        checked = parse(PRESET_RUN, body | {"title": say(request, wanted.title)})
        created = await room.begin(presets.run, actor_of(request), preset, checked, "ui")
    except RackhandError as error:
        return await _refused(request, room, wanted, error, form)
    return redirect(request, f"/runs/{created.view.id}")


async def _refused(request: Request, room: Parts, preset: Preset, error: RackhandError, form: FormValues) -> Response:
    """The page with what was typed, and the errors at the fields of this preset. Raises where JavaScript shows them."""
    if wants_problem(request):
        raise error
    locale = locale_of(request)
    card = await _card(request, room, preset, form)
    card.errors = {name: localised(locale, text) for name, text in errors_by_field(error).items()}
    values = await _page(request, room, card, form_error=alert_of(request, error, form))
    return render(request, _TEMPLATE, status=status_of(error), **values)


@post(HERE + "/nodes", **page(role=Role.ADMIN))
async def enrol(request: Request, room: Room) -> Response:
    """The commands for a new node, with its token, on the page that answers: shown once."""
    form = await typed(request)
    try:
        node = await room.db.write(enrolment.enrol, actor_of(request), await read_form(request, NODE))
    except RackhandError as error:
        return render_again(request, _TEMPLATE, error, form, **await _page(request, room))
    shown = commands(server_of(request), node)
    return render(request, _TEMPLATE, **await _page(request, room, fresh=node, commands=shown))


@post(HERE + "/scan", **page(role=Role.OPERATOR, once=True))
async def scan(request: Request, room: Room) -> Response:
    accepted = await room.db.write(scans.create, actor_of(request), parse(SCAN_REQUEST, {}), room.periods)
    room.wakeups.wake_all(job.node_id for job in accepted.jobs)
    return redirect(request, HERE, say(request, N_("The nodes are looking for devices now.")))


handlers: list[Any] = [show, plan, run, enrol, scan]
