"""Channels as people see them: list, register, switch off and on, remove. Their synchronisation is in channel_syncs."""

from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.quota import SHORTEST_MS
from rackhand.core.schema import Boolean, Record, Text
from rackhand.core.video_answers import Channel
from rackhand.engine.access import Actor, audit
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.store import channels
from rackhand.store.channels import ChannelRow
from rackhand.store.db import Tx

REGISTER = Record({"channel": Text(1, 500)})
CHANGE = Record({"is_enabled": Boolean()})
BACKFILL_MOST = 500
"""So many older uploads are listed of a channel, however many it has: 20 units, once."""


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel. `backfill_*`: how many of its older uploads are listed, of how many that will be; state null: not
    begun, running, done."""

    id: str
    channel_id: str
    title: str
    handle: str | None
    url: str
    is_enabled: bool
    interval_ms: int | None
    next_sync_at: Millis | None
    last_sync_at: Millis | None
    failure_count: int
    last_error_message: str | None
    upload_count: int | None
    backfill_state: str | None
    backfill_count: int
    backfill_total: int
    created_at: Millis


def view_of(row: ChannelRow) -> ChannelView:
    """The view of a row."""
    same = ("id", "title", "handle", "is_enabled", "interval_ms", "last_sync_at", "failure_count")
    more = ("last_error_message", "upload_count", "backfill_state", "backfill_count", "created_at")
    return ChannelView(
        **{name: getattr(row, name) for name in (*same, *more)},
        channel_id=row.external_id,
        url=f"https://www.youtube.com/channel/{row.external_id}",
        next_sync_at=row.next_sync_at if row.is_enabled else None,
        backfill_total=max(min(row.upload_count or 0, BACKFILL_MOST), row.backfill_count),
    )


def list_channels(tx: Tx, query: dict[str, Any]) -> Page[ChannelView]:
    """By title; `query` has limit, cursor, q."""
    after = decode_cursor(query["cursor"], tuple[str, str])
    rows = channels.page(tx, limit=query["limit"] + 1, after=after, q=query["q"])
    shown = rows[: query["limit"]]
    more = encode_cursor(shown[-1].title, shown[-1].id) if len(rows) > len(shown) else None
    return Page(tuple(view_of(row) for row in shown), more)


def get(tx: Tx, channel_id: str) -> ChannelView:
    """One channel."""
    return view_of(load(tx, channel_id))


def load(tx: Tx, channel_id: str) -> ChannelRow:
    """The row; NotFound if there is none."""
    row = channels.get(tx, channel_id)
    if row is None:
        raise NotFound("there is no channel {id}", id=channel_id[:64])
    return row


def register(tx: Tx, actor: Actor, found: Channel) -> ChannelView:
    """Register a channel as the source shows it; it is due at once. Conflict if it is registered."""
    known = channels.by_external_id(tx, found.id)
    if known is not None:
        raise Conflict(
            "this channel is registered already, as {title}; nothing was changed",
            title=known.title,
            code="registered",
        )
    empty: dict[str, Any] = dict.fromkeys(ChannelRow.__slots__)
    row = ChannelRow(
        **empty
        | {"id": tx.mint(), "external_id": found.id, "title": found.title or found.id, "handle": found.handle}
        | {"uploads_id": found.uploads_id, "upload_count": found.upload_count, "interval_ms": SHORTEST_MS}
        | {"is_enabled": True, "next_sync_at": tx.now, "failure_count": 0, "backfill_count": 0, "created_at": tx.now}
    )
    channels.add(tx, row)
    audit(tx, actor, "channel.register", f"channel:{row.id}", {"channel_id": found.id, "title": row.title})
    return get(tx, row.id)


def refuse_missing(path: str) -> Invalid:
    """The refusal of a channel that the source does not show."""
    return Invalid([FieldError(path, "names no channel that the source knows: look at its spelling, or paste its id")])


def change(tx: Tx, actor: Actor, channel_id: str, body: dict[str, Any]) -> ChannelView:
    """Switch the synchronisation of a channel off, or on again: then it is due at once."""
    row = load(tx, channel_id)
    if row.is_enabled != body["is_enabled"]:
        due = {"next_sync_at": tx.now, "failure_count": 0} if body["is_enabled"] else {}
        channels.change(tx, channel_id, {"is_enabled": body["is_enabled"]} | due)
        audit(tx, actor, "channel.change", f"channel:{channel_id}", {"is_enabled": body["is_enabled"]})
    return get(tx, channel_id)


def sync_now(tx: Tx, actor: Actor, channel_id: str) -> ChannelView:
    """Make a channel due; Conflict if it is switched off."""
    row = load(tx, channel_id)
    if not row.is_enabled:
        raise Conflict(
            "the channel {title} is switched off; nothing was changed: switch it on", title=row.title, code="disabled"
        )
    channels.change(tx, channel_id, {"next_sync_at": tx.now})
    audit(tx, actor, "channel.sync", f"channel:{channel_id}")
    return get(tx, channel_id)


def remove(tx: Tx, actor: Actor, channel_id: str) -> None:
    """Forget a channel; its videos stay registered."""
    row = load(tx, channel_id)
    channels.remove(tx, channel_id)
    audit(tx, actor, "channel.remove", f"channel:{channel_id}", {"channel_id": row.external_id, "title": row.title})
