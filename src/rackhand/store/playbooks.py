"""Playbooks and their immutable revisions in SQL. No rule is decided here."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, select, tuple_, update

from rackhand.core.clock import Millis
from rackhand.core.playbook import Step
from rackhand.store.db import Tx
from rackhand.store.tables import playbook_revisions, playbooks


@dataclass(frozen=True, slots=True)
class PlaybookRow:
    """One row of playbooks."""

    id: str
    title: str
    revision: int
    is_hidden: bool
    archived_at: Millis | None
    created_at: Millis
    updated_at: Millis
    created_by: str | None


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One row of playbook_revisions."""

    playbook_id: str
    revision: int
    title: str
    steps: tuple[Step, ...]
    created_at: Millis
    created_by: str | None


_p, _r = playbooks.c, playbook_revisions.c
_PLAYBOOK = tuple(_p[name] for name in PlaybookRow.__slots__)


def _all(tx: Tx) -> Select[Any]:
    return select(*_PLAYBOOK).where(_p.workspace_id == tx.workspace_id)


def add(tx: Tx, playbook: PlaybookRow) -> None:
    """Insert a playbook; its first revision is added apart."""
    values = {name: getattr(playbook, name) for name in PlaybookRow.__slots__}
    tx.conn.execute(insert(playbooks).values(workspace_id=tx.workspace_id, **values))


def add_revision(tx: Tx, revision: RevisionRow) -> None:
    """Insert a revision, which nothing changes later."""
    values = {name: getattr(revision, name) for name in RevisionRow.__slots__ if name != "steps"}
    steps = [step.as_json() for step in revision.steps]
    tx.conn.execute(insert(playbook_revisions).values(workspace_id=tx.workspace_id, steps=steps, **values))


def set_current(tx: Tx, playbook_id: str, revision: int, title: str) -> None:
    """Make a revision the current one."""
    where = (_p.workspace_id == tx.workspace_id, _p.id == playbook_id)
    tx.conn.execute(update(playbooks).where(*where).values(revision=revision, title=title, updated_at=tx.now))


def archive(tx: Tx, playbook_id: str) -> None:
    """Hide a playbook from people; nothing happens if it is hidden."""
    where = (_p.workspace_id == tx.workspace_id, _p.id == playbook_id, _p.archived_at.is_(None))
    tx.conn.execute(update(playbooks).where(*where).values(archived_at=tx.now))


def get(tx: Tx, playbook_id: str, *, for_update: bool = False) -> PlaybookRow | None:
    """One playbook, archived or not."""
    statement = _all(tx).where(_p.id == playbook_id)
    row = tx.conn.execute(statement.with_for_update() if for_update else statement).first()
    return None if row is None else PlaybookRow(*row)


def find_by_title(tx: Tx, title: str) -> PlaybookRow | None:
    """The oldest visible playbook with this title."""
    where = (_p.title == title, _p.archived_at.is_(None), _p.is_hidden.is_(False))
    row = tx.conn.execute(_all(tx).where(*where).order_by(_p.id).limit(1)).first()
    return None if row is None else PlaybookRow(*row)


def page(tx: Tx, *, limit: int, after: tuple[str, str] | None, q: str | None) -> list[PlaybookRow]:
    """By title, after the cursor `(title, id)`; archived and hidden ones left out."""
    statement = _all(tx).where(_p.archived_at.is_(None), _p.is_hidden.is_(False))
    if after is not None:
        statement = statement.where(tuple_(_p.title, _p.id) > tuple_(*after))
    if q:
        statement = statement.where(_p.title.icontains(q, autoescape=True))
    return [PlaybookRow(*row) for row in tx.conn.execute(statement.order_by(_p.title, _p.id).limit(limit))]


def get_revision(tx: Tx, playbook_id: str, revision: int) -> RevisionRow | None:
    """One revision with its steps."""
    where = (_r.workspace_id == tx.workspace_id, _r.playbook_id == playbook_id, _r.revision == revision)
    row = tx.conn.execute(select(playbook_revisions).where(*where)).first()
    return None if row is None else _revision(row._mapping)


def page_revisions(tx: Tx, playbook_id: str, *, limit: int, before: int | None) -> list[RevisionRow]:
    """Newest first, those before the cursor."""
    statement = select(playbook_revisions).where(_r.workspace_id == tx.workspace_id, _r.playbook_id == playbook_id)
    if before is not None:
        statement = statement.where(_r.revision < before)
    rows = tx.conn.execute(statement.order_by(_r.revision.desc()).limit(limit))
    return [_revision(row._mapping) for row in rows]


def _revision(row: Any) -> RevisionRow:
    steps = tuple(Step.of(step) for step in row["steps"])
    return RevisionRow(row["playbook_id"], row["revision"], row["title"], steps, row["created_at"], row["created_by"])
