"""Portable playbooks into the catalog: equal command assets are found again, missing ones are made."""

from typing import Any

from rackhand.core.errors import FieldError, Invalid
from rackhand.core.playbook import Step
from rackhand.engine import catalog, playbooks
from rackhand.engine.access import Actor
from rackhand.engine.playbooks import SavedRevision
from rackhand.store import catalog as rows
from rackhand.store.db import Tx


def import_document(tx: Tx, actor: Actor, document: dict[str, Any], folder: str = "") -> SavedRevision:
    """Make a playbook of a document that core's check_document has checked."""
    return playbooks.save_revision(tx, actor, None, document["title"], steps_of(tx, document, folder))


def steps_of(tx: Tx, document: dict[str, Any], folder: str = "") -> list[Step]:
    """The document's steps over assets of this installation; Invalid with every error."""
    errors: list[FieldError] = []
    for i, step in enumerate(document["steps"]):
        catalog.check_file(tx, step["kind"], step["params"], f"/steps/{i}/params", errors)
    if errors:
        raise Invalid(errors)
    wanted = [_own_step(_asset_id(tx, step, folder), step) for step in document["steps"]]
    resolved = playbooks.resolve(tx, wanted, errors)
    if errors:
        raise Invalid(errors)
    return resolved


def _own_step(asset_id: str, step: dict[str, Any]) -> dict[str, Any]:
    own = {name: step[name] for name in ("probability", "timeout_ms", "retry_count", "on_failure")}
    return own | {"asset_id": asset_id, "params": None}


def _asset_id(tx: Tx, step: dict[str, Any], folder: str) -> str:
    for row in rows.like_assets(tx, step["title"], step["kind"]):
        if row.params == step["params"] and row.effect == step["effect"]:
            return row.id
    asset = {name: step[name] for name in ("title", "kind", "params", "effect")}
    return catalog.insert_asset(tx, asset | {"folder": folder, "default_timeout_ms": None}).id
