"""The audit log as administrators read it: who did what, to what, when and from where. Rows are never changed."""

from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis, from_rfc3339
from rackhand.core.errors import FieldError, Invalid
from rackhand.core.schema import Field, Integer, Spec, Text
from rackhand.engine import preferences
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.engine.preferences import DAY_MS
from rackhand.store import audit
from rackhand.store.audit import Filters
from rackhand.store.db import Tx

FILTERS: dict[str, Spec | Field] = {
    "actor": Field(Text(0, 200), None),
    "action": Field(Text(0, 100), None),
    "subject": Field(Text(0, 200), None),
    "since": Field(Text(0, 40), None),
    "until": Field(Text(0, 40), None),
}
PAGE: dict[str, Spec | Field] = {"limit": Field(Integer(1, 500), 100), "cursor": Field(Text(1, 500), None)}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did. `action` is such as `run.create`; `remote_addr` null: the server itself."""

    id: str
    done_at: Millis
    actor: str
    action: str
    subject: str | None
    detail: dict[str, Any]
    remote_addr: str | None


def read(tx: Tx, query: dict[str, Any]) -> Page[AuditEntry]:
    """Newest first. Empty filters are none; `since` and `until` are RFC 3339 times or dates."""
    filters = Filters(
        actor=query["actor"] or None,
        action=query["action"] or None,
        subject=query["subject"] or None,
        since=_moment("since", query["since"]),
        until=_moment("until", query["until"]),
    )
    after = decode_cursor(query["cursor"], tuple[int, str])
    found = audit.page(tx, filters, after, query["limit"] + 1)
    shown = found[: query["limit"]]
    more = encode_cursor(shown[-1].at, shown[-1].id) if len(found) > len(shown) else None
    entries = (
        AuditEntry(row.id, row.at, row.actor, row.action, row.subject, row.detail, row.remote_addr) for row in shown
    )
    return Page(tuple(entries), more)


def _moment(name: str, text: str | None) -> Millis | None:
    if not text:
        return None
    try:
        return from_rfc3339(text if "T" in text else f"{text}T00:00:00Z")
    except ValueError:
        raise Invalid([FieldError(f"/query/{name}", "must be a date or an RFC 3339 time")]) from None


def forget(tx: Tx) -> int:
    """Delete some rows that the workspace keeps no longer; returns how many."""
    days = preferences.read(tx).retention.audit_days
    return 0 if days is None else audit.give_up_before(tx, tx.now - days * DAY_MS)
