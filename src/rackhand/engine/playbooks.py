"""Playbooks: make, edit (a new revision), read, archive. A revision is a full copy of its assets and never changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rackhand.core.assets import Effect
from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.playbook import Asset, Step, resolve_steps
from rackhand.engine.access import Actor, audit
from rackhand.engine.catalog import check_file
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.store import catalog, playbooks
from rackhand.store.db import Tx
from rackhand.store.playbooks import PlaybookRow, RevisionRow


@dataclass(frozen=True, slots=True)
class SavedRevision:
    """The answer to a save."""

    id: str
    revision: int


@dataclass(frozen=True, slots=True)
class PlaybookItem:
    """A playbook in a list."""

    id: str
    title: str
    revision: int
    created_at: Millis
    updated_at: Millis
    created_by: str | None


@dataclass(frozen=True, slots=True)
class PlaybookView:
    """A playbook with the steps of its current revision."""

    id: str
    title: str
    revision: int
    steps: tuple[Step, ...]
    archived_at: Millis | None
    created_at: Millis
    updated_at: Millis
    created_by: str | None


@dataclass(frozen=True, slots=True)
class PlaybookRevision:
    """One immutable revision."""

    playbook_id: str
    revision: int
    title: str
    steps: tuple[Step, ...]
    created_at: Millis
    created_by: str | None


def list_playbooks(tx: Tx, query: dict[str, Any]) -> Page[PlaybookItem]:
    """By title; `query` has limit, cursor, q."""
    limit = query["limit"]
    after = decode_cursor(query["cursor"], tuple[str, str])
    rows = playbooks.page(tx, limit=limit + 1, after=after, q=query["q"])
    shown = rows[:limit]
    items = tuple(
        PlaybookItem(row.id, row.title, row.revision, row.created_at, row.updated_at, row.created_by) for row in shown
    )
    return Page(items, encode_cursor(shown[-1].title, shown[-1].id) if len(rows) > limit else None)


def get_playbook(tx: Tx, playbook_id: str) -> PlaybookView:
    """One playbook, archived or not."""
    row = _load(tx, playbook_id)
    current = load_revision(tx, playbook_id, row.revision)
    return PlaybookView(
        row.id,
        row.title,
        row.revision,
        current.steps,
        row.archived_at,
        row.created_at,
        row.updated_at,
        row.created_by,
    )


def list_revisions(tx: Tx, playbook_id: str, query: dict[str, Any]) -> Page[PlaybookRevision]:
    """Newest first; `query` has limit and cursor."""
    _load(tx, playbook_id)
    cursor = decode_cursor(query["cursor"], tuple[int])
    limit = query["limit"]
    rows = playbooks.page_revisions(tx, playbook_id, limit=limit + 1, before=cursor[0] if cursor else None)
    shown = rows[:limit]
    return Page(tuple(map(_revision, shown)), encode_cursor(shown[-1].revision) if len(rows) > limit else None)


def load_revision(tx: Tx, playbook_id: str, revision: int | None) -> PlaybookRevision:
    """A revision, or the current one of a playbook that is not archived; NotFound otherwise."""
    if revision is None:
        row = _load(tx, playbook_id)
        if row.archived_at is not None:
            raise NotFound("playbook {id} is archived; name a revision of it, or another playbook", id=playbook_id[:64])
        revision = row.revision
    found = playbooks.get_revision(tx, playbook_id, revision)
    if found is None:
        raise NotFound("there is no revision {revision} of playbook {id}", revision=revision, id=playbook_id[:64])
    return _revision(found)


def create_playbook(tx: Tx, actor: Actor, body: dict[str, Any]) -> SavedRevision:
    """Make a playbook of a body that core's PLAYBOOK has checked."""
    return save_revision(tx, actor, None, body["title"], _resolved(tx, body["steps"]))


def update_playbook(tx: Tx, actor: Actor, playbook_id: str, body: dict[str, Any]) -> SavedRevision:
    """A new revision with fresh copies of the assets; Conflict if the playbook is archived."""
    return save_revision(tx, actor, playbook_id, body["title"], _resolved(tx, body["steps"]))


def save_revision(tx: Tx, actor: Actor, playbook_id: str | None, title: str, steps: Iterable[Step]) -> SavedRevision:
    """Store resolved steps as the next revision of a playbook, or as the first of a new one."""
    if playbook_id is None:
        saved = SavedRevision(_insert(tx, title, actor.name, is_hidden=False), 1)
    else:
        saved = SavedRevision(playbook_id, _open(tx, playbook_id).revision + 1)
        playbooks.set_current(tx, playbook_id, saved.revision, title)
    playbooks.add_revision(tx, RevisionRow(saved.id, saved.revision, title, tuple(steps), tx.now, actor.name))
    audit(tx, actor, "playbook.save", f"playbook:{saved.id}", {"title": title, "revision": saved.revision})
    return saved


def adhoc(tx: Tx, title: str, steps: Iterable[Step], actor: str | None = None) -> tuple[str, int]:
    """Store steps as a hidden playbook for one run: (playbook_id, revision)."""
    playbook_id = _insert(tx, title, actor, is_hidden=True)
    playbooks.add_revision(tx, RevisionRow(playbook_id, 1, title, tuple(steps), tx.now, actor))
    return playbook_id, 1


def archive_playbook(tx: Tx, actor: Actor, playbook_id: str) -> None:
    """Hide a playbook; its runs keep their revision."""
    row = _load(tx, playbook_id, for_update=True)
    if row.archived_at is None:
        playbooks.archive(tx, playbook_id)
        audit(tx, actor, "playbook.archive", f"playbook:{playbook_id}")


def resolve(tx: Tx, steps: list[dict[str, Any]], errors: list[FieldError], path: str = "/steps") -> list[Step]:
    """Full copies of checked steps; every unknown asset, file and unfit parameter is appended to `errors`."""
    found = catalog.get_assets(tx, (step["asset_id"] for step in steps if "asset_id" in step))
    assets = {
        row.id: Asset(row.id, row.revision, row.title, row.kind, row.params, Effect(row.effect), row.default_timeout_ms)
        for row in found.values()
    }
    resolved = resolve_steps(steps, assets, [tx.mint() for _ in steps], errors, path)
    if not errors:
        for i, step in enumerate(resolved):
            check_file(tx, step.kind, step.params, f"{path}/{i}/params", errors)
    return resolved


def _resolved(tx: Tx, steps: list[dict[str, Any]]) -> list[Step]:
    errors: list[FieldError] = []
    resolved = resolve(tx, steps, errors)
    if errors:
        raise Invalid(errors)
    return resolved


def _insert(tx: Tx, title: str, actor: str | None, *, is_hidden: bool) -> str:
    row = PlaybookRow(tx.mint(), title, 1, is_hidden, None, tx.now, tx.now, actor)
    playbooks.add(tx, row)
    return row.id


def _open(tx: Tx, playbook_id: str) -> PlaybookRow:
    row = _load(tx, playbook_id, for_update=True)
    if row.archived_at is not None:
        raise Conflict(
            "playbook {id} is archived; nothing was changed: make a new one", id=playbook_id, code="archived"
        )
    return row


def _load(tx: Tx, playbook_id: str, *, for_update: bool = False) -> PlaybookRow:
    row = playbooks.get(tx, playbook_id, for_update=for_update)
    if row is None:
        raise NotFound("there is no playbook {id}", id=playbook_id[:64])
    return row


def _revision(row: RevisionRow) -> PlaybookRevision:
    return PlaybookRevision(**{name: getattr(row, name) for name in RevisionRow.__slots__})
