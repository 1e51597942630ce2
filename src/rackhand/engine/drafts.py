"""Drafts: what a person composes in the builder, before and while it becomes a revision, a plan or a run.

A step with `copy_of` keeps the copy of its command that the loaded revision holds, so that editing a playbook updates
no other step behind one's back; one without takes its command as it is now. Running never saves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rackhand.core.assets import Effect
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.playbook import MAX_STEPS, STEP, Asset, Step, resolve_steps
from rackhand.core.playbook_diff import compare
from rackhand.core.schema import Field, Integer, ListOf, Record, Text
from rackhand.engine import playbooks, runs
from rackhand.engine.access import Actor
from rackhand.engine.catalog import AssetView, check_file, get_asset
from rackhand.engine.playbooks import PlaybookRevision, SavedRevision
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.runs import Created, Origin, PlanView
from rackhand.store import catalog
from rackhand.store.db import Tx
from rackhand.store.run_secrets import Sealed

_ID = Text(min=1, max=64)
_NO_TEXT = Text(max=200)
_STEP = Record({**STEP.fields, "copy_of": Field(_ID, None)})
_STEPS = ListOf(_STEP, min=1, max=MAX_STEPS)
_BASE: dict[str, Any] = {"playbook_id": Field(_ID, None), "revision": Field(Integer(1, 1_000_000), None)}
_RUN_FIELDS = ("target", "params", "content", "secrets", "policy", "seed", "rollout")
_RUN = Record({name: RUN_REQUEST.fields[name] for name in _RUN_FIELDS})
SAVE = Record({**_BASE, "title": Text(min=1, max=200), "steps": _STEPS})
RUN = Record({**_BASE, "title": Field(_NO_TEXT, ""), "steps": _STEPS, "run": _RUN})
PLAN = Record({**RUN.fields, "steps": ListOf(_STEP, max=MAX_STEPS)})
"""A draft without steps has devices too."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a draft refers to: the revision that it was loaded from, and command assets, archived ones too."""

    base: PlaybookRevision | None
    current: int | None
    assets: dict[str, AssetView]
    is_archived: bool = False

    def copy(self, step_id: str | None) -> Step | None:
        """The loaded revision's step with this id."""
        return next((s for s in self.base.steps if s.id == step_id), None) if self.base and step_id else None

    def has_newer(self, step: Step) -> bool:
        """Whether the command was edited after this copy was taken."""
        asset = self.assets.get(step.asset_id)
        return asset is not None and asset.archived_at is None and asset.revision > step.asset_revision


def load_known(tx: Tx, playbook_id: str | None, revision: int | None, asset_ids: Iterable[str]) -> Known:
    """NotFound for an unknown playbook or revision; unknown assets are left out."""
    base, current, is_archived = None, None, False
    if playbook_id is not None:
        view = playbooks.get_playbook(tx, playbook_id)
        current, is_archived = view.revision, view.archived_at is not None
        base = playbooks.load_revision(tx, playbook_id, revision or view.revision)
    wanted = {*asset_ids, *(step.asset_id for step in base.steps)} if base else set(asset_ids)
    found = (_asset(tx, asset_id) for asset_id in sorted(wanted))
    return Known(base, current, {asset.id: asset for asset in found if asset is not None}, is_archived)


def _asset(tx: Tx, asset_id: str) -> AssetView | None:
    try:
        return get_asset(tx, asset_id)
    except NotFound:
        return None


def save(tx: Tx, actor: Actor, body: dict[str, Any]) -> SavedRevision:
    """A new playbook, or the next revision of the loaded one; without a change, the revision that is there.

    Conflict if somebody else saved a revision since the draft was loaded, or archived the playbook.
    """
    steps, base = _resolved(tx, body)
    if base is None:
        return playbooks.save_revision(tx, actor, None, body["title"], steps)
    current = playbooks.get_playbook(tx, base.playbook_id).revision
    if base.revision != current:
        raise Conflict(
            "revision {revision} was saved meanwhile; nothing was changed: copy what you need, then load it",
            revision=current,
            code="revised",
        )
    if _is_unchanged(base, body["title"], steps):
        return SavedRevision(base.playbook_id, base.revision)
    return playbooks.save_revision(tx, actor, base.playbook_id, body["title"], steps)


def plan(tx: Tx, body: dict[str, Any]) -> PlanView:
    """What running the draft would do now; Invalid names fields of the draft."""
    steps, base = _resolved(tx, body)
    try:
        return runs.plan_run(tx, *_request(body, steps, base))
    except Invalid as error:
        raise _below_run(error) from error


def run(tx: Tx, actor: Actor, body: dict[str, Any], sealed: Mapping[str, Sealed]) -> Created:
    """Run exactly what the draft shows: the loaded revision if nothing was changed, else these steps, once. `sealed`
    are the values of its secrets."""
    steps, base = _resolved(tx, body)
    request, ready = _request(body, steps, base)
    origin = Origin("ui", actor.name, remote_addr=actor.remote_addr, sealed=sealed)
    try:
        return runs.create_run(tx, request, origin, ready)
    except Invalid as error:
        raise _below_run(error) from error


def restore(tx: Tx, actor: Actor, playbook_id: str, revision: int) -> SavedRevision:
    """A new revision with the title and the steps of an old one."""
    old = playbooks.load_revision(tx, playbook_id, revision)
    current = playbooks.load_revision(tx, playbook_id, None)
    if _is_unchanged(current, old.title, old.steps):
        return SavedRevision(playbook_id, current.revision)
    return playbooks.save_revision(tx, actor, playbook_id, old.title, old.steps)


def _is_unchanged(base: PlaybookRevision, title: str, steps: Iterable[Step]) -> bool:
    after = tuple(steps)
    same_commands = [step.asset_revision for step in base.steps] == [step.asset_revision for step in after]
    return title == base.title and same_commands and all(c.what == "same" for c in compare(base.steps, after))


def _request(
    body: dict[str, Any], steps: list[Step], base: PlaybookRevision | None
) -> tuple[dict[str, Any], list[Step] | None]:
    wanted = dict.fromkeys(RUN_REQUEST.fields) | body["run"] | {"title": body["title"] or None}
    if base is not None and _is_unchanged(base, body["title"], steps):
        return wanted | {"playbook_id": base.playbook_id, "revision": base.revision}, None
    return wanted, steps


def _below_run(error: Invalid) -> Invalid:
    own = ("/steps", "/title")
    return Invalid(
        [e if e.path.startswith(own) else FieldError(f"/run{e.path}", e.template, e.values) for e in error.errors]
    )


def _resolved(tx: Tx, body: dict[str, Any]) -> tuple[list[Step], PlaybookRevision | None]:
    base = None
    if body["playbook_id"] is not None:
        base = playbooks.load_revision(tx, body["playbook_id"], body["revision"])
    copies = {step.id: step for step in base.steps} if base else {}
    wanted = [_keyed(step, copies) for step in body["steps"]]
    found = catalog.get_assets(tx, (step["asset_id"] for step in wanted)).values()
    assets = {
        row.id: Asset(row.id, row.revision, row.title, row.kind, row.params, Effect(row.effect), row.default_timeout_ms)
        for row in found
    }
    kept = {
        step.id: Asset(step.asset_id, step.asset_revision, step.title, step.kind, step.params, step.effect, None)
        for step in copies.values()
    }
    errors: list[FieldError] = []
    steps = resolve_steps(wanted, assets | kept, [tx.mint() for _ in wanted], errors)
    for i, step in enumerate(steps if not errors else ()):
        check_file(tx, step.kind, step.params, f"/steps/{i}/params", errors)
    if errors:
        raise Invalid(errors)
    return steps, base


def _keyed(step: dict[str, Any], copies: dict[str, Step]) -> dict[str, Any]:
    """Look a copied step up by its own id instead of its asset's."""
    return step | {"asset_id": step["copy_of"]} if step["copy_of"] in copies else step
