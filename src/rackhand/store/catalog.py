"""Command assets and uploaded files in SQL; playbooks are in store/playbooks. No rule is decided here."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import command_assets, files


@dataclass(frozen=True, slots=True)
class AssetRow:
    """One row of command_assets."""

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


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of files."""

    sha256: str
    size: int
    name: str
    content_type: str
    created_at: Millis


_a = command_assets.c
_ASSET = tuple(_a[name] for name in AssetRow.__slots__)
_FILE = tuple(files.c[name] for name in FileRow.__slots__)


def _assets(tx: Tx) -> Select[Any]:
    return select(*_ASSET).where(_a.workspace_id == tx.workspace_id)


def add_asset(tx: Tx, asset: AssetRow) -> None:
    """Insert an asset."""
    values = {name: getattr(asset, name) for name in AssetRow.__slots__}
    tx.conn.execute(insert(command_assets).values(workspace_id=tx.workspace_id, **values))


def save_asset(tx: Tx, asset: AssetRow) -> None:
    """Replace what an edit may change; `asset.revision` is the new one."""
    names = ("revision", "title", "folder", "kind", "params", "default_timeout_ms", "effect", "sha256", "updated_at")
    where = (_a.workspace_id == tx.workspace_id, _a.id == asset.id)
    tx.conn.execute(update(command_assets).where(*where).values({name: getattr(asset, name) for name in names}))


def archive_asset(tx: Tx, asset_id: str) -> None:
    """Hide an asset from people; nothing happens if it is hidden."""
    where = (_a.workspace_id == tx.workspace_id, _a.id == asset_id, _a.archived_at.is_(None))
    tx.conn.execute(update(command_assets).where(*where).values(archived_at=tx.now))


def get_asset(tx: Tx, asset_id: str, *, for_update: bool = False) -> AssetRow | None:
    """One asset, archived or not."""
    statement = _assets(tx).where(_a.id == asset_id)
    row = tx.conn.execute(statement.with_for_update() if for_update else statement).first()
    return None if row is None else AssetRow(*row)


def get_assets(tx: Tx, asset_ids: Iterable[str]) -> dict[str, AssetRow]:
    """Assets by id, archived ones left out."""
    rows = tx.conn.execute(_assets(tx).where(_a.id.in_(sorted(set(asset_ids))), _a.archived_at.is_(None)))
    return {row.id: AssetRow(*row) for row in rows}


def like_assets(tx: Tx, title: str, kind: str) -> list[AssetRow]:
    """Assets with this title and kind, oldest first, archived ones left out."""
    where = (_a.title == title, _a.kind == kind, _a.archived_at.is_(None))
    return [AssetRow(*row) for row in tx.conn.execute(_assets(tx).where(*where).order_by(_a.id).limit(100))]


def restore_asset(tx: Tx, asset_id: str) -> None:
    """Show a hidden asset again."""
    where = (_a.workspace_id == tx.workspace_id, _a.id == asset_id)
    tx.conn.execute(update(command_assets).where(*where).values(archived_at=None))


def folders(tx: Tx, limit: int) -> list[str]:
    """The folders that hold an asset, by name; '' is left out."""
    where = (_a.workspace_id == tx.workspace_id, _a.archived_at.is_(None), _a.folder != "")
    return list(tx.conn.scalars(select(_a.folder).where(*where).distinct().order_by(_a.folder).limit(limit)))


def page_assets(
    tx: Tx,
    *,
    limit: int,
    after: tuple[str, str] | None,
    q: str | None,
    folder: str | None,
    kind: str | None,
    is_archived: bool = False,
) -> list[AssetRow]:
    """By title, after the cursor `(title, id)`: those in use, or those archived. `q` is found anywhere in the title."""
    shown = _a.archived_at.is_not(None) if is_archived else _a.archived_at.is_(None)
    statement = _assets(tx).where(shown).order_by(_a.title, _a.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(_a.title, _a.id) > tuple_(*after))
    if q:
        statement = statement.where(_a.title.icontains(q, autoescape=True))
    for column, value in ((_a.folder, folder), (_a.kind, kind)):
        if value is not None:
            statement = statement.where(column == value)
    return [AssetRow(*row) for row in tx.conn.execute(statement)]


def add_file(tx: Tx, file: FileRow) -> bool:
    """Insert a file unless its content is known; True if it is new."""
    values = {name: getattr(file, name) for name in FileRow.__slots__}
    statement = _insert(tx).values(workspace_id=tx.workspace_id, **values).on_conflict_do_nothing()
    return tx.conn.execute(statement.returning(files.c.sha256)).first() is not None


def _insert(tx: Tx) -> Any:
    return postgresql.insert(files) if tx.dialect == "postgresql" else sqlite.insert(files)


def get_file(tx: Tx, sha256: str) -> FileRow | None:
    """The file with this content."""
    where = (files.c.workspace_id == tx.workspace_id, files.c.sha256 == sha256)
    row = tx.conn.execute(select(*_FILE).where(*where)).first()
    return None if row is None else FileRow(*row)


def page_files(tx: Tx, *, limit: int, after: tuple[Millis, str] | None) -> list[FileRow]:
    """Newest first, after the cursor `(created_at, sha256)`."""
    f = files.c
    statement = select(*_FILE).where(f.workspace_id == tx.workspace_id)
    if after is not None:
        statement = statement.where(tuple_(f.created_at, f.sha256) < tuple_(*after))
    return [
        FileRow(*row) for row in tx.conn.execute(statement.order_by(f.created_at.desc(), f.sha256.desc()).limit(limit))
    ]
