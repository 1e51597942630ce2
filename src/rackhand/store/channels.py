"""Channels in SQL: registered ones, who synchronises which, and how that ended. When one is due is decided elsewhere.

A claim is `UPDATE ... WHERE next_sync_at <= now AND nobody has it`; it pushes the next time away first, so that a
channel that breaks its synchronisation is not the next one again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, insert, or_, select, tuple_, update

from rackhand.core.clock import Millis
from rackhand.core.quota import DAY_MS, Activity
from rackhand.store.db import Tx
from rackhand.store.tables import channels, content_items


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One row of channels."""

    id: str
    external_id: str
    title: str
    handle: str | None
    uploads_id: str | None
    etag: str | None
    is_enabled: bool
    interval_ms: int | None
    next_sync_at: Millis | None
    claimed_until_at: Millis | None
    last_sync_at: Millis | None
    failure_count: int
    last_error_message: str | None
    upload_count: int | None
    backfill_state: str | None
    backfill_token: str | None
    backfill_count: int
    created_at: Millis


_c, _i = channels.c, content_items.c
_ROW = tuple(_c[name] for name in ChannelRow.__slots__)


def _mine(tx: Tx, *more: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (_c.workspace_id == tx.workspace_id, *more)


def add(tx: Tx, row: ChannelRow) -> None:
    """Insert a channel."""
    values = {name: getattr(row, name) for name in ChannelRow.__slots__}
    tx.conn.execute(insert(channels).values(workspace_id=tx.workspace_id, **values))


def get(tx: Tx, channel_id: str) -> ChannelRow | None:
    """One channel."""
    row = tx.conn.execute(select(*_ROW).where(*_mine(tx, _c.id == channel_id))).first()
    return None if row is None else ChannelRow(*row)


def by_external_id(tx: Tx, external_id: str) -> ChannelRow | None:
    """The channel with this id at the source."""
    row = tx.conn.execute(select(*_ROW).where(*_mine(tx, _c.external_id == external_id))).first()
    return None if row is None else ChannelRow(*row)


def page(tx: Tx, *, limit: int, after: tuple[str, str] | None, q: str | None) -> list[ChannelRow]:
    """By title, after the cursor `(title, id)`."""
    statement = select(*_ROW).where(*_mine(tx)).order_by(_c.title, _c.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(_c.title, _c.id) > tuple_(*after))
    if q:
        statement = statement.where(
            or_(_c.title.icontains(q, autoescape=True), _c.handle.icontains(q, autoescape=True))
        )
    return [ChannelRow(*row) for row in tx.conn.execute(statement)]


def count(tx: Tx) -> int:
    """How many channels are registered."""
    return int(tx.conn.execute(select(func.count()).where(*_mine(tx))).scalar_one())


def activity(tx: Tx) -> dict[str, Activity]:
    """Uploads of each channel that is synchronised, lately."""
    found = dict.fromkeys(tx.conn.execute(select(_c.id).where(*_mine(tx, _c.is_enabled))).scalars(), Activity())
    since = [func.count(case((_i.published_at > tx.now - days * DAY_MS, 1))) for days in (1, 7, 28)]
    where = (_i.workspace_id == tx.workspace_id, _i.channel_id.is_not(None), _i.published_at > tx.now - 28 * DAY_MS)
    for channel_id, *counts in tx.conn.execute(select(_i.channel_id, *since).where(*where).group_by(_i.channel_id)):
        if channel_id in found:
            found[channel_id] = Activity(*counts)
    return found


def plan(tx: Tx, intervals: Mapping[str, int]) -> None:
    """Bring the next times of channels forward that are due earlier than was planned; failing ones keep theirs."""
    columns = (_c.id, _c.interval_ms, _c.next_sync_at, _c.last_sync_at, _c.failure_count)
    for row in tx.conn.execute(select(*columns).where(*_mine(tx, _c.is_enabled))).all():
        interval = intervals.get(row.id)
        if interval is None or row.failure_count or row.last_sync_at is None:
            continue
        due = row.last_sync_at + interval
        if row.next_sync_at is None or due < row.next_sync_at - interval // 20:
            tx.conn.execute(
                update(channels).where(*_mine(tx, _c.id == row.id)).values(next_sync_at=due, interval_ms=interval)
            )


def claim(tx: Tx, intervals: Mapping[str, int], limit: int, claim_ms: int) -> list[ChannelRow]:
    """Some channels that are due and that nobody has, the longest due first; theirs is the caller's for `claim_ms`."""
    free = or_(_c.claimed_until_at.is_(None), _c.claimed_until_at <= tx.now)
    where = _mine(tx, _c.is_enabled, _c.next_sync_at <= tx.now, free)
    due = select(_c.id).where(*where).order_by(_c.next_sync_at, _c.id).limit(limit)
    taken = []
    for channel_id in tx.conn.execute(due).scalars().all():
        interval = intervals.get(channel_id, DAY_MS // 4)
        values = {"next_sync_at": tx.now + interval, "interval_ms": interval, "claimed_until_at": tx.now + claim_ms}
        own = update(channels).where(*where, _c.id == channel_id).values(values)
        row = tx.conn.execute(own.returning(*_ROW)).first()
        if row is not None:
            taken.append(ChannelRow(*row))
    return taken


def claim_backfill(tx: Tx, claim_ms: int) -> ChannelRow | None:
    """A channel whose older uploads are not all listed, and that nobody has; the caller's for `claim_ms`."""
    free = or_(_c.claimed_until_at.is_(None), _c.claimed_until_at <= tx.now)
    where = _mine(tx, _c.is_enabled, _c.backfill_state == "running", free)
    chosen = select(_c.id).where(*where).order_by(_c.backfill_count, _c.id).limit(1)
    channel_id = tx.conn.execute(chosen).scalar()
    if channel_id is None:
        return None
    own = update(channels).where(*where, _c.id == channel_id).values(claimed_until_at=tx.now + claim_ms)
    row = tx.conn.execute(own.returning(*_ROW)).first()
    return None if row is None else ChannelRow(*row)


def release(tx: Tx, row: ChannelRow, values: dict[str, Any]) -> bool:
    """End a synchronisation; False if the claim ran out and somebody else has it, or the channel is gone."""
    where = _mine(tx, _c.id == row.id, _c.claimed_until_at == row.claimed_until_at)
    changed = update(channels).where(*where).values(claimed_until_at=None, **values)
    return tx.conn.execute(changed).rowcount == 1


def change(tx: Tx, channel_id: str, values: dict[str, Any]) -> None:
    """Set what people may set."""
    tx.conn.execute(update(channels).where(*_mine(tx, _c.id == channel_id)).values(values))


def remove(tx: Tx, channel_id: str) -> None:
    """Forget a channel; its videos stay."""
    of_it = (_i.workspace_id == tx.workspace_id, _i.channel_id == channel_id)
    tx.conn.execute(update(content_items).where(*of_it).values(channel_id=None))
    tx.conn.execute(delete(channels).where(*_mine(tx, _c.id == channel_id)))
