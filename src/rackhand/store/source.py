"""The source of content in SQL: its key, its daily budget and what was spent of it, pauses, and answers kept a while.

Units are taken before the call, in one statement that refuses what is beyond the limit: replicas never overspend.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rackhand.core.clock import Millis
from rackhand.core.quota import DAILY_UNITS, quota_day
from rackhand.store.db import Tx
from rackhand.store.tables import content_sources, quota_days, source_answers

_s, _q, _a = content_sources.c, quota_days.c, source_answers.c


@dataclass(frozen=True, slots=True)
class SourceRow:
    """How the source stands."""

    sealed_key: str | None = None
    key_set_at: Millis | None = None
    daily_units: int = DAILY_UNITS
    blocked_until_at: Millis | None = None
    blocked_reason: str | None = None
    failure_count: int = 0


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer that was kept."""

    etag: str
    body: str
    fetched_at: Millis


def _insert(tx: Tx, table: Any) -> Any:
    return postgresql.insert(table) if tx.dialect == "postgresql" else sqlite.insert(table)


def read(tx: Tx) -> SourceRow:
    """How the source stands; as at first if nobody configured it."""
    columns = (_s[name] for name in SourceRow.__slots__)
    row = tx.conn.execute(select(*columns).where(_s.workspace_id == tx.workspace_id)).first()
    return SourceRow() if row is None else SourceRow(*row)


def _save(tx: Tx, values: dict[str, Any]) -> None:
    statement = _insert(tx, content_sources).values(workspace_id=tx.workspace_id, **values)
    tx.conn.execute(statement.on_conflict_do_update(index_elements=[_s.workspace_id], set_=values))


def set_key(tx: Tx, sealed_key: str | None) -> None:
    """Another key, or none; whatever kept the old one from working is forgotten."""
    set_at = None if sealed_key is None else tx.now
    _save(tx, {"sealed_key": sealed_key, "key_set_at": set_at} | _OPEN)


_OPEN: dict[str, Any] = {"blocked_until_at": None, "blocked_reason": None, "failure_count": 0}


def set_budget(tx: Tx, daily_units: int) -> None:
    """Another budget a day, from now on."""
    _save(tx, {"daily_units": daily_units})


def block(tx: Tx, until: Millis, reason: str) -> None:
    """No call before `until`; a longer pause that is there stays."""
    row = read(tx)
    if row.blocked_until_at is None or row.blocked_until_at <= until:
        _save(tx, {"blocked_until_at": until, "blocked_reason": reason, "failure_count": row.failure_count + 1})


def unblock(tx: Tx) -> None:
    """The source answered well."""
    where = (_s.workspace_id == tx.workspace_id, _s.failure_count > 0)
    tx.conn.execute(update(content_sources).where(*where).values(_OPEN))


def take(tx: Tx, units: int, limit: int) -> bool:
    """Spend units of today's budget; False, and nothing spent, if that were more than `limit`."""
    if units > limit:
        return False
    day = quota_day(tx.now)
    statement = _insert(tx, quota_days).values(workspace_id=tx.workspace_id, day=day, spent=units)
    statement = statement.on_conflict_do_update(
        index_elements=[_q.workspace_id, _q.day], set_={"spent": _q.spent + units}, where=_q.spent + units <= limit
    )
    return tx.conn.execute(statement.returning(_q.spent)).first() is not None


def spent(tx: Tx, day: str) -> int:
    """What was spent on a day."""
    statement = select(_q.spent).where(_q.workspace_id == tx.workspace_id, _q.day == day)
    return tx.conn.execute(statement).scalar() or 0


def forget_days(tx: Tx, before: str) -> None:
    """Forget the spending of days long ago."""
    tx.conn.execute(delete(quota_days).where(_q.workspace_id == tx.workspace_id, _q.day < before))


def answer(tx: Tx, request: str) -> AnswerRow | None:
    """The kept answer to a request."""
    columns = (_a[name] for name in AnswerRow.__slots__)
    row = tx.conn.execute(select(*columns).where(_a.workspace_id == tx.workspace_id, _a.request == request)).first()
    return None if row is None else AnswerRow(*row)


def keep_answer(tx: Tx, request: str, etag: str, body: str) -> None:
    """Keep an answer that was fetched, or found unchanged, now."""
    values = {"etag": etag, "body": body, "fetched_at": tx.now}
    statement = _insert(tx, source_answers).values(workspace_id=tx.workspace_id, request=request, **values)
    tx.conn.execute(statement.on_conflict_do_update(index_elements=[_a.workspace_id, _a.request], set_=values))


def forget_answers(tx: Tx, before: Millis) -> None:
    """Forget answers that were fetched long ago."""
    tx.conn.execute(delete(source_answers).where(_a.workspace_id == tx.workspace_id, _a.fetched_at < before))
