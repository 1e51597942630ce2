"""Presets in use: registered as playbooks, planned and run. What they are is in core.presets.

A run of a preset does what the preset says. The playbook of that title is used while it is the same; one that people
changed stays theirs, and the run gets a hidden revision of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rackhand.core import presets
from rackhand.core.assets import SHA256_PATTERN
from rackhand.core.errors import FieldError, Invalid
from rackhand.core.playbook import RUN_PARAMS, Step, check_document, resolve_steps, to_document
from rackhand.core.policy import POLICY_CHANGES
from rackhand.core.presets import FILE, PRESETS, Preset
from rackhand.core.schema import Field, MapOf, Record, Text
from rackhand.core.target import TARGET
from rackhand.engine import imports, playbooks, runs
from rackhand.engine.access import Actor
from rackhand.engine.catalog import check_file
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.runs import Created, Origin, PlanView
from rackhand.store import playbooks as rows
from rackhand.store.db import Tx

FOLDER = "Presets"
_NO_FILE = "0" * 64
PRESET_PLAN = Record(
    {
        "target": Field(TARGET, {"scope": "all"}),
        "values": Field(MapOf(Text(max=65_536), key=RUN_PARAMS.key), {}),
        "file": Field(Text(64, 64, SHA256_PATTERN, hint="a sha256 in 64 lower-case hex digits"), None),
        "policy": Field(POLICY_CHANGES, None),
    }
)
PRESET_RUN = Record({**PRESET_PLAN.fields, "title": Field(Text(1, 200), None)})


@dataclass(frozen=True, slots=True)
class RegisteredPreset:
    """A preset as a playbook; `is_new` if this call made it."""

    id: str
    title: str
    revision: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class PresetList:
    """All presets that are playbooks: those that need no file."""

    items: tuple[RegisteredPreset, ...]


@dataclass(frozen=True, slots=True)
class PresetInput:
    """A value that a run of a preset asks for; without a default it must be given."""

    name: str
    label: str
    default: str
    example: str


@dataclass(frozen=True, slots=True)
class PresetStepView:
    """One step, and what it does."""

    title: str
    does: str
    kind: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PresetView:
    """A preset as it is offered."""

    key: str
    title: str
    summary: str
    needs_file: bool
    inputs: tuple[PresetInput, ...]
    steps: tuple[PresetStepView, ...]


@dataclass(frozen=True, slots=True)
class PresetOffer:
    """All presets, in the order in which they are offered."""

    items: tuple[PresetView, ...]


def offer() -> PresetOffer:
    """What there is to run."""
    return PresetOffer(tuple(map(_view, PRESETS)))


def _view(preset: Preset) -> PresetView:
    return PresetView(
        preset.key,
        preset.title,
        preset.summary,
        preset.needs_file,
        tuple(PresetInput(each.name, each.label, each.default, each.example) for each in preset.inputs),
        tuple(PresetStepView(step.title, step.does, step.kind, dict(step.params)) for step in preset.steps),
    )


def register_presets(tx: Tx, actor: Actor) -> PresetList:
    """Make the presets that are not there yet, known by their titles; those that need a file have none yet."""
    return PresetList(tuple(_register(tx, actor, preset) for preset in PRESETS if not preset.needs_file))


def _register(tx: Tx, actor: Actor, preset: Preset, file: str | None = None) -> RegisteredPreset:
    found = rows.find_by_title(tx, preset.title)
    if found is not None:
        return RegisteredPreset(found.id, found.title, found.revision, is_new=False)
    errors: list[FieldError] = []
    document = check_document(preset.document(file), errors)
    if errors:
        raise Invalid(errors)
    saved = imports.import_document(tx, actor, document, FOLDER)
    return RegisteredPreset(saved.id, preset.title, saved.revision, is_new=True)


def plan(tx: Tx, key: str, body: dict[str, Any]) -> PlanView:
    """What a run of the preset would do now. Nothing is asked for that only the run needs."""
    preset = presets.find(key)
    ignored: list[FieldError] = []
    steps = _steps(tx, preset, body[FILE] or _NO_FILE)
    return runs.plan_run(tx, _request(preset, body, preset.values(body["values"], ignored)), steps)


def run(tx: Tx, actor: Actor, key: str, body: dict[str, Any], trigger: str = "api") -> Created:
    """Run a preset; Invalid names each value that is missing or wrong."""
    preset = presets.find(key)
    errors: list[FieldError] = []
    values = preset.values(body["values"], errors)
    if preset.needs_file and body[FILE] is None:
        errors.append(FieldError("/file", "is required"))
    if errors:
        raise Invalid(errors)
    request = _request(preset, body, values)
    origin = Origin(trigger, actor.name, remote_addr=actor.remote_addr)
    steps = _steps(tx, preset, body[FILE])
    _require_file(tx, steps)
    saved = _saved(tx, actor, preset, body[FILE], steps)
    if saved is None:
        return runs.create_run(tx, request, origin, steps)
    return runs.create_run(tx, request | {"playbook_id": saved.id, "revision": saved.revision}, origin)


def _saved(tx: Tx, actor: Actor, preset: Preset, file: str | None, steps: Sequence[Step]) -> RegisteredPreset | None:
    """The playbook of this preset, made if there is none; None if people changed it or it installs another file."""
    found = _register(tx, actor, preset, file)
    current = playbooks.load_revision(tx, found.id, found.revision)
    same = to_document(preset.title, current.steps) == to_document(preset.title, steps)
    return found if same else None


def _steps(tx: Tx, preset: Preset, file: str | None) -> list[Step]:
    """The steps as a run has them, over no assets."""
    wanted = [step | {"probability": 1, "retry_count": None} for step in preset.document(file)["steps"]]
    errors: list[FieldError] = []
    steps = resolve_steps(wanted, {}, [tx.mint() for _ in wanted], errors)
    if errors:
        raise Invalid(errors)
    return steps


def _require_file(tx: Tx, steps: Sequence[Step]) -> None:
    errors: list[FieldError] = []
    for step in steps:
        check_file(tx, step.kind, step.params, "", errors)
    if errors:
        raise Invalid(errors)


def _request(preset: Preset, body: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    nothing = {name: entry.default for name, entry in RUN_REQUEST.fields.items() if isinstance(entry, Field)}
    own = {"title": body.get("title") or preset.title, "target": body["target"], "policy": body["policy"]}
    return nothing | own | {"params": dict(values)}
