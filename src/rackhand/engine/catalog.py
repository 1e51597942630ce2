"""Command assets: list, make, edit (a new revision), archive. An edit changes no saved playbook revision."""

from dataclasses import dataclass, replace
from typing import Any

from rackhand.core import template
from rackhand.core.assets import check_asset, file_of
from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.engine.access import Actor, audit
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.store import catalog
from rackhand.store.catalog import AssetRow
from rackhand.store.db import Tx


@dataclass(frozen=True, slots=True)
class AssetView:
    """A command asset as callers see it; `sha256` is the file it installs or pushes."""

    id: str
    revision: int
    title: str
    folder: str
    kind: str
    params: dict[str, Any]
    default_timeout_ms: int | None
    effect: str
    sha256: str | None
    archived_at: Millis | None
    created_at: Millis
    updated_at: Millis


def _view(row: AssetRow) -> AssetView:
    return AssetView(**{name: getattr(row, name) for name in AssetRow.__slots__})


def list_assets(tx: Tx, query: dict[str, Any]) -> Page[AssetView]:
    """By title; `query` has limit, cursor, q, folder, kind and, for those that are hidden, `is_archived`."""
    after = decode_cursor(query["cursor"], tuple[str, str])
    limit = query["limit"]
    filters = {name: query[name] for name in ("q", "folder", "kind")}
    rows = catalog.page_assets(tx, limit=limit + 1, after=after, is_archived=query.get("is_archived", False), **filters)
    has_more = len(rows) > limit
    shown = rows[:limit]
    return Page(tuple(_view(row) for row in shown), encode_cursor(shown[-1].title, shown[-1].id) if has_more else None)


def get_asset(tx: Tx, asset_id: str) -> AssetView:
    """One asset, archived or not."""
    return _view(_load(tx, asset_id))


def create_asset(tx: Tx, actor: Actor, body: Any) -> AssetView:
    """Make an asset of an unchecked body; Invalid with every error."""
    row = insert_asset(tx, _checked(tx, body))
    audit(tx, actor, "asset.create", f"asset:{row.id}", {"title": row.title, "kind": row.kind, "params": row.params})
    return _view(row)


def insert_asset(tx: Tx, asset: dict[str, Any]) -> AssetRow:
    """Store a checked asset."""
    row = AssetRow(
        id=tx.mint(),
        revision=1,
        archived_at=None,
        created_at=tx.now,
        updated_at=tx.now,
        sha256=file_of(asset["kind"], asset["params"]),
        **asset,
    )
    catalog.add_asset(tx, row)
    return row


def update_asset(tx: Tx, actor: Actor, asset_id: str, body: Any) -> AssetView:
    """Replace an asset by an unchecked body: a new revision. Conflict if it is archived."""
    row = _load(tx, asset_id, for_update=True)
    if row.archived_at is not None:
        raise Conflict(
            "command asset {id} is archived; nothing was changed: make a new one", id=asset_id, code="archived"
        )
    asset = _checked(tx, body)
    edited = replace(
        row, **asset, revision=row.revision + 1, updated_at=tx.now, sha256=file_of(asset["kind"], asset["params"])
    )
    catalog.save_asset(tx, edited)
    audit(tx, actor, "asset.update", f"asset:{row.id}", {"revision": edited.revision, "params": edited.params})
    return _view(edited)


def archive_asset(tx: Tx, actor: Actor, asset_id: str) -> None:
    """Hide an asset; saved playbooks keep their copy."""
    row = _load(tx, asset_id, for_update=True)
    if row.archived_at is None:
        catalog.archive_asset(tx, asset_id)
        audit(tx, actor, "asset.archive", f"asset:{asset_id}")


def restore_asset(tx: Tx, actor: Actor, asset_id: str) -> None:
    """Show an archived asset again, as it was."""
    row = _load(tx, asset_id, for_update=True)
    if row.archived_at is not None:
        catalog.restore_asset(tx, asset_id)
        audit(tx, actor, "asset.restore", f"asset:{asset_id}")


def check_file(tx: Tx, kind: str, params: dict[str, Any], path: str, errors: list[FieldError]) -> None:
    """Append an error if the file that a command needs was never uploaded."""
    sha256 = file_of(kind, params)
    if sha256 is not None and catalog.get_file(tx, sha256) is None:
        errors.append(FieldError(f"{path}/file", "names no uploaded file; send it to /api/files first"))


def _checked(tx: Tx, body: Any) -> dict[str, Any]:
    errors: list[FieldError] = []
    asset = check_asset(body, errors)
    if not errors:
        template.check(asset["params"], "/params", errors)
        check_file(tx, asset["kind"], asset["params"], "/params", errors)
    if errors:
        raise Invalid(errors)
    return asset


def _load(tx: Tx, asset_id: str, *, for_update: bool = False) -> AssetRow:
    row = catalog.get_asset(tx, asset_id, for_update=for_update)
    if row is None:
        raise NotFound("there is no command asset {id}", id=asset_id[:64])
    return row
