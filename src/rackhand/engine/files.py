"""Uploaded files: what is known of each content. The bytes lie in a BlobStore under their sha256."""

from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.errors import NotFound
from rackhand.engine.access import Actor, audit
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.store import catalog
from rackhand.store.catalog import FileRow
from rackhand.store.db import Tx


@dataclass(frozen=True, slots=True)
class FileView:
    """An uploaded file; commands name it by `sha256`."""

    sha256: str
    size: int
    name: str
    content_type: str
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Registered:
    """The answer to an upload, and whether the content is new."""

    view: FileView
    is_new: bool


def register(tx: Tx, actor: Actor, sha256: str, size: int, name: str, content_type: str) -> Registered:
    """Note stored content; content that is known keeps its first name."""
    is_new = catalog.add_file(tx, FileRow(sha256, size, name, content_type, tx.now))
    if is_new:
        audit(tx, actor, "file.upload", f"file:{sha256}", {"name": name, "size": size})
    return Registered(get_file(tx, sha256), is_new)


def get_file(tx: Tx, sha256: str) -> FileView:
    """One file; NotFound if it was never uploaded."""
    row = catalog.get_file(tx, sha256)
    if row is None:
        raise NotFound("there is no file with the sha256 {sha256}", sha256=sha256[:64])
    return _view(row)


def list_files(tx: Tx, query: dict[str, Any]) -> Page[FileView]:
    """Newest first; `query` has limit and cursor."""
    limit = query["limit"]
    rows = catalog.page_files(tx, limit=limit + 1, after=decode_cursor(query["cursor"], tuple[int, str]))
    shown = rows[:limit]
    more = encode_cursor(shown[-1].created_at, shown[-1].sha256) if len(rows) > limit else None
    return Page(tuple(_view(row) for row in shown), more)


def _view(row: FileRow) -> FileView:
    return FileView(row.sha256, row.size, row.name, row.content_type, row.created_at)
