"""Registered videos in SQL. What the source said comes in as values; what follows from it is decided elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.metadata import to_json
from rackhand.store.tables import content_items


@dataclass(frozen=True, slots=True)
class ContentRow:
    """One row of content_items."""

    id: str
    external_id: str
    url: str
    channel_id: str | None
    channel_title: str | None
    title: str | None
    duration_ms: int | None
    thumbnail_url: str | None
    thumbnail_key: str | None
    published_at: Millis | None
    is_embeddable: bool | None
    regions: dict[str, list[str]] | None
    availability: str | None
    tags: list[str]
    fetched_at: Millis | None
    etag: str | None
    last_error_message: str | None
    seen_at: Millis | None
    archived_at: Millis | None
    listed_at: Millis
    created_at: Millis


@dataclass(frozen=True, slots=True)
class NewVideo:
    """A video that a synchronisation found, as a notification tells of it."""

    id: str
    title: str
    url: str
    channel_id: str
    channel_title: str
    published_at: Millis | None
    created_at: Millis


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None: not."""

    q: str | None = None
    tag: str | None = None
    channel_id: str | None = None
    is_new: bool = False
    is_archived: bool = False


STALE_MS = 86_400_000
"""How long what the source said of a video is taken for true: it may have been deleted since."""
_i = content_items.c
_ROW = tuple(_i[name] for name in ContentRow.__slots__)


def _mine(tx: Tx, *more: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (_i.workspace_id == tx.workspace_id, *more)


def add(tx: Tx, row: ContentRow) -> None:
    """Insert a video."""
    values = {name: getattr(row, name) for name in ContentRow.__slots__}
    tx.conn.execute(insert(content_items).values(workspace_id=tx.workspace_id, **values))


def add_new(tx: Tx, rows: Sequence[ContentRow]) -> list[str]:
    """Insert those that are not registered; the ids of those that are new."""
    if not rows:
        return []
    values = [{"workspace_id": tx.workspace_id} | {n: getattr(row, n) for n in ContentRow.__slots__} for row in rows]
    table: Any = postgresql.insert(content_items) if tx.dialect == "postgresql" else sqlite.insert(content_items)
    statement = table.values(values).on_conflict_do_nothing()
    return list(tx.conn.execute(statement.returning(_i.id)).scalars())


def get(tx: Tx, item_id: str) -> ContentRow | None:
    """One video, archived or not."""
    row = tx.conn.execute(select(*_ROW).where(*_mine(tx, _i.id == item_id))).first()
    return None if row is None else ContentRow(*row)


def by_external_id(tx: Tx, external_id: str) -> ContentRow | None:
    """The video with this id at the source."""
    row = tx.conn.execute(select(*_ROW).where(*_mine(tx, _i.external_id == external_id))).first()
    return None if row is None else ContentRow(*row)


def known_ids(tx: Tx, external_ids: Iterable[str]) -> set[str]:
    """Those of the ids at the source that are registered."""
    return set(
        tx.conn.execute(select(_i.external_id).where(*_mine(tx, _i.external_id.in_(list(external_ids))))).scalars()
    )


def page(tx: Tx, filters: Filters, *, limit: int, after: tuple[Millis, str] | None) -> list[ContentRow]:
    """Newest first, after the cursor `(listed_at, id)`. `q` is found anywhere in titles, channels and tags."""
    shown = _i.archived_at.is_not(None) if filters.is_archived else _i.archived_at.is_(None)
    where = [*_mine(tx, shown)]
    if filters.is_new:
        where.append(_i.seen_at.is_(None))
    if filters.channel_id:
        where.append(_i.channel_id == filters.channel_id)
    if filters.q:
        columns = (_i.title, _i.channel_title, _i.external_id, cast(_i.tags, Text))
        where.append(or_(*(column.icontains(filters.q, autoescape=True) for column in columns)))
    if filters.tag:
        where.append(cast(_i.tags, Text).contains(to_json(filters.tag), autoescape=True))
    if after is not None:
        where.append(tuple_(_i.listed_at, _i.id) < tuple_(*after))
    statement = select(*_ROW).where(*where).order_by(_i.listed_at.desc(), _i.id.desc()).limit(limit)
    return [ContentRow(*row) for row in tx.conn.execute(statement)]


def tags(tx: Tx, limit: int) -> list[str]:
    """The tags in use, by name."""
    rows = tx.conn.execute(select(_i.tags).where(*_mine(tx, _i.archived_at.is_(None), cast(_i.tags, Text) != "[]")))
    return sorted({tag for (each,) in rows for tag in each})[:limit]


def count_new(tx: Tx) -> int:
    """How many videos nobody saw yet."""
    where = _mine(tx, _i.seen_at.is_(None), _i.archived_at.is_(None))
    return int(tx.conn.execute(select(func.count()).where(*where)).scalar_one())


def mark_seen(tx: Tx, item_ids: Sequence[str] | None) -> int:
    """These videos, or all of them, were seen; how many were new."""
    where = _mine(tx, _i.seen_at.is_(None), *([] if item_ids is None else [_i.id.in_(item_ids)]))
    return tx.conn.execute(update(content_items).where(*where).values(seen_at=tx.now)).rowcount


def change(tx: Tx, item_id: str, values: dict[str, Any]) -> None:
    """Set some columns."""
    tx.conn.execute(update(content_items).where(*_mine(tx, _i.id == item_id)).values(values))


def bare(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """`(id, id at the source)` of videos of which nothing was asked yet, the newest first."""
    where = _mine(tx, _i.fetched_at.is_(None))
    found = tx.conn.execute(select(_i.id, _i.external_id).where(*where).order_by(_i.created_at.desc()).limit(limit))
    return [(row.id, row.external_id) for row in found]


def chosen_stale(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """`(id, id at the source)` of videos that people chose (registered by hand, or tagged) and of which nothing was
    asked for STALE_MS, the longest ago first."""
    chosen = or_(_i.channel_id.is_(None), cast(_i.tags, Text) != "[]")
    where = _mine(tx, chosen, _i.archived_at.is_(None), _i.fetched_at < tx.now - STALE_MS)
    found = tx.conn.execute(select(_i.id, _i.external_id).where(*where).order_by(_i.fetched_at).limit(limit))
    return [(row.id, row.external_id) for row in found]


def without_thumbnail(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """`(id, address)` of the newest videos that are seen in lists and whose thumbnail is not here."""
    where = _mine(tx, _i.thumbnail_key.is_(None), _i.thumbnail_url.is_not(None), _i.archived_at.is_(None))
    found = tx.conn.execute(select(_i.id, _i.thumbnail_url).where(*where).order_by(_i.created_at.desc()).limit(limit))
    return [(row.id, row.thumbnail_url) for row in found]


def new_videos(tx: Tx, since_ms: Millis) -> list[NewVideo]:
    """Videos that synchronisations found since (`created_at > since_ms`) and nobody saw yet, the oldest first."""
    where = _mine(tx, _i.created_at > since_ms, _i.channel_id.is_not(None), _i.seen_at.is_(None))
    title, channel = func.coalesce(_i.title, _i.url), func.coalesce(_i.channel_title, "")
    columns = (_i.id, title, _i.url, _i.channel_id, channel, _i.published_at, _i.created_at)
    found = tx.conn.execute(select(*columns).where(*where).order_by(_i.created_at, _i.id).limit(1_000))
    return [NewVideo(*row) for row in found]


def surplus(tx: Tx, kept: int, limit: int) -> list[tuple[str, str | None]]:
    """`(id, thumbnail key)` of seen videos without a tag that are beyond the newest `kept` of their channel."""
    rank = func.row_number().over(partition_by=_i.channel_id, order_by=(_i.published_at.desc(), _i.id.desc()))
    where = _mine(tx, _i.channel_id.is_not(None))
    ranked = select(_i.id, _i.thumbnail_key, _i.seen_at, cast(_i.tags, Text).label("tags"), rank.label("rank"))
    inner = ranked.where(*where).subquery()
    old = (inner.c.rank > kept, inner.c.seen_at.is_not(None), inner.c.tags == "[]")
    found = tx.conn.execute(select(inner.c.id, inner.c.thumbnail_key).where(*old).limit(limit))
    return [(row.id, row.thumbnail_key) for row in found]


def remove(tx: Tx, item_ids: Sequence[str]) -> None:
    """Forget videos."""
    tx.conn.execute(delete(content_items).where(*_mine(tx, _i.id.in_(list(item_ids)))))
