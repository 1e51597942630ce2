"""The playbook builder, right on `/commands`: what its templates show of a draft, and the parts of it that the page
asks for: a new row, the form drawn again, the plan. Saving and running are in playbooks.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import get, post

from rackhand.core import template
from rackhand.core.assets import KINDS
from rackhand.core.errors import Invalid, NotFound
from rackhand.core.masking import MASK
from rackhand.core.schema import Field, Integer, Text, parse
from rackhand.core.target import format_indexes
from rackhand.engine import catalog, content, drafts, enrolment
from rackhand.engine.access import Role
from rackhand.engine.catalog import AssetView
from rackhand.engine.content import ContentView
from rackhand.engine.drafts import Known
from rackhand.engine.enrolment import NodeView
from rackhand.engine.runs import ExclusionView, ExpectedStep, PlanView
from rackhand.server.contract import Request, Response, read_query
from rackhand.server.room import Room
from rackhand.server.web import draft as drafted
from rackhand.server.web.draft import Draft, below, text_at
from rackhand.server.web.forms import errors_by_field
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import locale_of, localised
from rackhand.server.web.page import formats_of, is_fragment, page, render, say
from rackhand.server.web.param_inputs import ParamInput, inputs_of
from rackhand.store.db import Tx

PAGE = "builder/page.html"
ON_FAILURE = {
    "stop_device": N_("Stop this device"),
    "continue": N_("Go on with the next step"),
    "stop_run": N_("Stop the whole run"),
}
_MOST_ASSETS = 500
_MOST_VIDEOS = 100
_SUMMARY = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One step as it is shown. `state`: "" or `newer` (its command was edited since), `archived`, `missing`."""

    index: int
    asset_id: str
    copy_of: str
    title: str
    kind: str | None
    what: str
    detail: str
    state: str
    typed: Mapping[str, Any]
    shown: tuple[ParamInput, ...]
    more: tuple[ParamInput, ...]
    expected: str = ""

    @property
    def probability(self) -> str:
        return text_at(self.typed, "probability") or "1"

    @property
    def share(self) -> float:
        value = drafted.number(self.probability)
        return 1.0 if isinstance(value, str) else float(value)

    @property
    def slider_step(self) -> str:
        """5 %, but a finer probability that was set elsewhere is not rounded behind one's back."""
        return "0.05" if round(self.share * 100, 6) % 5 == 0 else "any"

    def text(self, *keys: str) -> str:
        return text_at(self.typed, *keys)


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan card: what a run would do now, or why there is none."""

    view: PlanView | None = None
    exclusions: tuple[tuple[str, str, int], ...] = ()
    problems: tuple[str, ...] = ()
    expectations: tuple[str, ...] = ()
    """How often each step is likely to run, in words."""

    @property
    def expected_steps(self) -> float:
        return sum(step.expected for step in self.view.steps) if self.view else 0


@dataclass(frozen=True, slots=True)
class BuilderView:
    """Everything that `builder/builder.html` shows."""

    draft: Draft
    known: Known
    rows: tuple[Row, ...]
    assets: tuple[AssetView, ...]
    nodes: tuple[NodeView, ...]
    videos: tuple[ContentView, ...] = ()
    plan: Plan | None = None
    on_failure: Mapping[str, str] = field(default_factory=lambda: ON_FAILURE)

    @property
    def newer(self) -> int:
        return sum(row.state == "newer" for row in self.rows)

    @property
    def values(self) -> tuple[tuple[str, str], ...]:
        """The placeholders `{{ params.x }}` of the steps with what was typed for them."""
        return values_of(self.draft)

    @property
    def secrets(self) -> tuple[str, ...]:
        return secrets_of(self.draft)

    def run(self, *keys: str) -> str:
        return text_at(self.draft.run, *keys)

    @property
    def chosen_nodes(self) -> tuple[str, ...]:
        nodes = below(self.draft.run, "target").get("nodes")
        return tuple(nodes) if isinstance(nodes, list) else ()


def values_of(draft: Draft) -> tuple[tuple[str, str], ...]:
    own = template.names_of([below(step, "params") for step in draft.steps], "params")
    return tuple((name, text_at(draft.run, "params", name)) for name in own if name not in template.CONTENT)


def secrets_of(draft: Draft) -> tuple[str, ...]:
    """The names of `{{ secrets.x }}`; what was typed for them is never shown again."""
    return template.names_of([below(step, "params") for step in draft.steps], "secrets")


async def load(room: Room, request: Request, draft: Draft | None = None, plan: Plan | None = None) -> BuilderView:
    """The builder of a page: of `draft`, else of the playbook that the address names (`?playbook=<id>`), else empty."""
    named = (request.query_params.get("playbook"), request.query_params.get("content"))
    return await room.db.read(_load, *named, draft, plan)


def _load(
    tx: Tx, playbook_id: str | None, content_id: str | None, draft: Draft | None, plan: Plan | None
) -> BuilderView:
    known = drafts.load_known(tx, playbook_id, None, ()) if draft is None else _known(tx, draft)
    if draft is None:
        draft = Draft() if known.base is None else drafted.of_revision(known.base)
        draft.run |= {"content": content_id[:64]} if content_id else {}
    query = {"limit": _MOST_ASSETS, "cursor": None, "q": None, "folder": None, "kind": None}
    return BuilderView(
        draft=draft,
        known=known,
        rows=_rows(draft.steps, known, plan),
        assets=catalog.list_assets(tx, query).items,
        nodes=tuple(enrolment.list_nodes(tx).items),
        videos=_videos(tx, text_at(draft.run, "content")),
        plan=plan,
    )


def _videos(tx: Tx, chosen: str) -> tuple[ContentView, ...]:
    """The newest videos, and the chosen one."""
    query: dict[str, Any] = {"limit": _MOST_VIDEOS, "cursor": None, "q": None, "tag": None, "channel": None}
    found = content.list_content(tx, query | {"is_new": False, "is_archived": False}).items
    if not chosen or any(video.id == chosen for video in found):
        return found
    try:
        return (content.get(tx, chosen[:64]), *found)
    except NotFound:
        return found


def _known(tx: Tx, draft: Draft, more: Iterable[str] = ()) -> Known:
    """What a draft refers to; a playbook that is gone is left out, so that the draft is not."""
    wanted = draft.asset_ids() | set(more)
    try:
        return drafts.load_known(tx, *draft.base, wanted)
    except NotFound:
        return drafts.load_known(tx, None, None, wanted)


def _rows(steps: list[dict[str, Any]], known: Known, plan: Plan | None = None) -> tuple[Row, ...]:
    expected = plan.expectations if plan else ()
    return tuple(_row(i, step, known, expected[i] if i < len(expected) else "") for i, step in enumerate(steps))


def _row(index: int, step: dict[str, Any], known: Known, expected: str = "") -> Row:
    copy, asset = known.copy(text_at(step, "copy_of")), known.assets.get(text_at(step, "asset_id"))
    source = copy or asset
    values = {name: text for name, text in below(step, "params").items() if isinstance(text, str)}
    inputs = inputs_of(source.kind, values) if source is not None and source.kind in KINDS else ()
    if copy is None and (asset is None or asset.archived_at is not None):
        state = "missing" if asset is None else "archived"
    elif copy is not None and asset is not None and asset.archived_at is not None:
        state = "kept"
    else:
        state = "newer" if copy is not None and known.has_newer(copy) else ""
    return Row(
        index=index,
        asset_id=text_at(step, "asset_id"),
        copy_of=copy.id if copy else "",
        title=source.title if source else text_at(step, "asset_id"),
        kind=source.kind if source else None,
        what=KINDS[source.kind].summary if source and source.kind in KINDS else "",
        detail=" · ".join(_said(name, text) for name, text in values.items() if text.strip())[:_SUMMARY],
        state=state,
        typed=step,
        shown=tuple(each for each in inputs if each.is_required or each.value),
        more=tuple(each for each in inputs if not (each.is_required or each.value)),
        expected=expected,
    )


def _said(name: str, text: str) -> str:
    """A parameter in the one line under a step's title."""
    if name.endswith("_ms") and text.isascii() and text.isdigit():
        return f"{drafted.seconds(int(text[:12]))} s"
    return text.strip().splitlines()[0]


async def read_draft(request: Request) -> tuple[Draft, str]:
    """The form as it was typed, and which button sent it."""
    form = await request.form()
    pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    buttons = dict(reversed([(name, value) for name, value in pairs if not name.startswith("/")]))
    do = buttons.get("do", "save")
    return drafted.read(pairs), f"add:{buttons.get('add', '')}" if do == "add" else do


async def known_of(room: Room, draft: Draft, do: str = "") -> Known:
    """What the draft, and the button that was pressed, refer to."""
    return await room.db.read(_known, draft, [do.removeprefix("add:")[:64]] if do.startswith("add:") else [])


async def plan_of(room: Room, request: Request, draft: Draft) -> Plan:
    """What running the draft would do now; what stands in the way is a part of the answer."""
    locale = locale_of(request)
    try:
        wanted = drafted.to_body(draft, await known_of(room, draft))
        wanted["run"]["secrets"] = dict.fromkeys(secrets_of(draft), MASK)  # a plan needs none
        body = parse(drafts.PLAN, wanted)
        view = await room.db.read(drafts.plan, body)
    except (Invalid, NotFound) as error:
        texts = errors_by_field(error).values() or [error.detail]
        return Plan(problems=tuple(dict.fromkeys(localised(locale, text) for text in texts)))
    expectations = tuple(_expectation(request, len(view.devices), step) for step in view.steps)
    return Plan(view, grouped(view.exclusions, locale), expectations=expectations)


def _expectation(request: Request, total: int, step: ExpectedStep) -> str:
    """The same words as plan_preview.ts."""
    number = formats_of(request).number
    if step.probability >= 1:
        return say(request, N_("all {total} devices"), total=number(total))
    if step.probability <= 0:
        return say(request, N_("no device"))
    return say(
        request,
        N_("about {n} of {total} devices (95%: {low}–{high})"),
        n=number(round(step.expected)),
        total=number(total),
        low=number(step.low),
        high=number(step.high),
    )


def grouped(exclusions: Iterable[ExclusionView], locale: str) -> tuple[tuple[str, str, int], ...]:
    """By reason: the reason, the devices (`3,7-9`), how many; the most frequent first."""
    groups: dict[str, list[int | None]] = defaultdict(list)
    for exclusion in exclusions:
        groups[exclusion.reason].append(exclusion.device_index)
    return tuple(
        (localised(locale, reason), format_indexes(index for index in indexes if index is not None), len(indexes))
        for reason, indexes in sorted(groups.items(), key=lambda item: -len(item[1]))
    )


async def show(room: Room, request: Request, draft: Draft, plan: Plan | None = None) -> Response:
    """The builder alone for the script, or a page around it."""
    view = await load(room, request, draft, plan)
    return render(request, "builder/builder.html" if is_fragment(request) else PAGE, builder=view)


_NAMED = {"playbook": Field(Text(1, 64), None), "content": Field(Text(1, 64), None)}


@get("/playbooks/builder", **page(role=Role.VIEWER, query=_NAMED))
async def alone(request: Request, room: Room) -> Response:
    """The builder on a page of its own, for narrow screens."""
    return render(request, PAGE, builder=await load(room, request))


@post("/playbooks/draft", **page(role=Role.OPERATOR))
async def redraw(request: Request, room: Room) -> Response:
    """The form again after one of its buttons that save nothing: `up:2`, `add:<asset>`, `update`, `preview`."""
    draft, do = await read_draft(request)
    drafted.edit(draft, do, await known_of(room, draft, do))
    return await show(room, request, draft, await plan_of(room, request, draft) if do == "preview" else None)


@post("/playbooks/preview", **page(role=Role.OPERATOR))
async def preview(request: Request, room: Room) -> Response:
    """The plan card, as the script asks for it after a change."""
    draft, _ = await read_draft(request)
    plan = await plan_of(room, request, draft)
    return render(request, "builder/_plan.html", plan=plan, values=values_of(draft), secrets=secrets_of(draft))


@get("/playbooks/step", **page(role=Role.OPERATOR, query={"asset_id": Text(1, 64), "index": Field(Integer(0, 200), 0)}))
async def new_row(request: Request, room: Room) -> Response:
    """One new row over a command, for the script."""
    query = read_query(request)
    known = await room.db.read(drafts.load_known, None, None, [query["asset_id"]])
    asset = known.assets.get(query["asset_id"])
    if asset is None or asset.archived_at is not None:
        raise NotFound("there is no command asset {id}", id=query["asset_id"])
    row = _row(query["index"], drafted.of_asset(asset), known)
    return render(request, "builder/_step_only.html", row=row, on_failure=ON_FAILURE)


handlers: list[Any] = [alone, redraw, preview, new_row]
