"""Playbooks that every installation may have: registered on demand, once; a changed or archived one stays as it is."""

from dataclasses import dataclass
from typing import Any

from rackhand.core.errors import Invalid
from rackhand.core.playbook import check_document
from rackhand.engine import imports
from rackhand.engine.access import Actor
from rackhand.store import playbooks
from rackhand.store.db import Tx

FOLDER = "Presets"


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset as a playbook; `is_new` if this call made it."""

    id: str
    title: str
    revision: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class PresetList:
    """All presets."""

    items: tuple[Preset, ...]


def _look(title: str, command: str) -> dict[str, Any]:
    return {
        "title": title,
        "kind": "shell",
        "params": {"command": command},
        "effect": "repeatable",
        "timeout_ms": 30_000,
    }


HEALTH_SWEEP: dict[str, Any] = {
    "rackhand": 1,
    "title": "Health sweep",
    "steps": [
        _look("Battery", "dumpsys battery"),
        _look("Temperature", "dumpsys thermalservice"),
        _look("Storage", "df /data"),
        _look("Network", "dumpsys wifi | head -n 20") | {"on_failure": "continue"},
        {"title": "Screenshot", "kind": "screenshot", "timeout_ms": 30_000},
    ],
}
PRESETS = (HEALTH_SWEEP,)


def register_presets(tx: Tx, actor: Actor) -> PresetList:
    """Make the presets that are not there yet, known by their titles."""
    return PresetList(tuple(_register(tx, actor, preset) for preset in PRESETS))


def _register(tx: Tx, actor: Actor, preset: dict[str, Any]) -> Preset:
    found = playbooks.find_by_title(tx, preset["title"])
    if found is not None:
        return Preset(found.id, found.title, found.revision, is_new=False)
    errors: list[Any] = []
    document = check_document({**preset, "steps": [dict(step) for step in preset["steps"]]}, errors)
    if errors:
        raise Invalid(errors)
    saved = imports.import_document(tx, actor, document, FOLDER)
    return Preset(saved.id, preset["title"], saved.revision, is_new=True)
