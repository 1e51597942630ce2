"""The audit log in SQL: append, read, and the one way to delete old rows. Triggers refuse every other change."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import audit_log, audit_retention

ROWS_A_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that somebody did."""

    id: str
    at: Millis
    actor: str
    action: str
    subject: str | None
    detail: dict[str, Any]
    remote_addr: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What rows to show; None: all. `action` is one (`run.create`) or a family (`run`)."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: Millis | None = None
    until: Millis | None = None


_ROW = tuple(audit_log.c[name] for name in AuditRow.__slots__)
_NEWEST = (audit_log.c.at.desc(), audit_log.c.id.desc())


def add_audit(
    tx: Tx, actor: str, action: str, subject: str | None, detail: dict[str, Any], remote_addr: str | None
) -> None:
    """Append one audit row of this moment."""
    tx.conn.execute(
        insert(audit_log).values(
            workspace_id=tx.workspace_id,
            id=tx.mint(),
            at=tx.now,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            remote_addr=remote_addr,
        )
    )


def audit_of(tx: Tx, subject: str, limit: int) -> list[AuditRow]:
    """What was done to a subject, newest first."""
    return page(tx, Filters(subject=subject), None, limit)


def page(tx: Tx, filters: Filters, after: tuple[Millis, str] | None, limit: int) -> list[AuditRow]:
    """Newest first, after the cursor `(at, id)`."""
    statement = select(*_ROW).where(audit_log.c.workspace_id == tx.workspace_id, *_conditions(filters))
    if after is not None:
        statement = statement.where(tuple_(audit_log.c.at, audit_log.c.id) < after)
    return [AuditRow(*row) for row in tx.conn.execute(statement.order_by(*_NEWEST).limit(limit))]


def _conditions(filters: Filters) -> list[Any]:
    given = {name: getattr(filters, name) for name in ("actor", "subject")}
    found: list[Any] = [audit_log.c[name] == value for name, value in given.items() if value is not None]
    if filters.action is not None:
        family = audit_log.c.action.startswith(f"{filters.action}.", autoescape=True)
        found.append((audit_log.c.action == filters.action) | family)
    if filters.since is not None:
        found.append(audit_log.c.at >= filters.since)
    if filters.until is not None:
        found.append(audit_log.c.at < filters.until)
    return found


def give_up_before(tx: Tx, before: Millis) -> int:
    """Delete some rows from before; first the mark moves that lets the triggers do so. Returns how many went."""
    where = audit_retention.c.workspace_id == tx.workspace_id
    moved = update(audit_retention).where(where, audit_retention.c.kept_from < before).values(kept_from=before)
    if not tx.conn.execute(moved).rowcount and tx.conn.execute(select(audit_retention).where(where)).first() is None:
        tx.conn.execute(insert(audit_retention).values(workspace_id=tx.workspace_id, kept_from=before))
    old = (audit_log.c.workspace_id == tx.workspace_id, audit_log.c.at < before)
    some = select(audit_log.c.workspace_id, audit_log.c.id).where(*old).order_by(audit_log.c.at).limit(ROWS_A_BATCH)
    gone = delete(audit_log).where(tuple_(audit_log.c.workspace_id, audit_log.c.id).in_(some))
    return tx.conn.execute(gone).rowcount
