"""Registered videos: list, register, tag, archive, mark as seen. What the source says of them comes in as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rackhand.core import content_reasons
from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.schema import Field, ListOf, Record, Text
from rackhand.core.template import CONTENT
from rackhand.core.video_answers import Upload, Video
from rackhand.core.video_links import watch_url
from rackhand.engine.access import Actor, audit
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.store import content
from rackhand.store.content import ContentRow, Filters
from rackhand.store.db import Tx
from rackhand.store.tables_content import AVAILABILITIES

TAG = Text(1, 40, pattern=r"^[^,\x00-\x1f]*$", hint="a tag without commas")
TAGS = ListOf(TAG, max=20)
REGISTER = Record({"url": Text(1, 500), "tags": Field(TAGS, [])})
CHANGE = Record({"tags": TAGS})


@dataclass(frozen=True, slots=True)
class ContentView:
    """A registered video. `regions` is `{allowed: [...]}`, `{blocked: [...]}` or null; `is_new`: nobody saw it yet."""

    id: str
    video_id: str
    url: str
    title: str | None
    channel_id: str | None
    channel_title: str | None
    duration_ms: int | None
    published_at: Millis | None
    is_embeddable: bool | None
    regions: dict[str, list[str]] | None
    availability: str | None
    has_thumbnail: bool
    tags: tuple[str, ...]
    is_new: bool
    fetched_at: Millis | None
    last_error_message: str | None
    archived_at: Millis | None
    created_at: Millis


def view_of(row: ContentRow) -> ContentView:
    """The view of a row."""
    same = ("id", "url", "title", "channel_id", "channel_title", "duration_ms", "published_at", "is_embeddable")
    more = ("regions", "availability", "fetched_at", "last_error_message", "archived_at", "created_at")
    return ContentView(
        **{name: getattr(row, name) for name in (*same, *more)},
        video_id=row.external_id,
        has_thumbnail=bool(row.thumbnail_key),
        tags=tuple(row.tags),
        is_new=row.seen_at is None,
    )


def list_content(tx: Tx, query: dict[str, Any]) -> Page[ContentView]:
    """Newest first; `query` has limit, cursor, q, tag, channel, is_new, is_archived."""
    after = decode_cursor(query["cursor"], tuple[int, str])
    filters = Filters(query["q"], query["tag"], query["channel"], query["is_new"], query["is_archived"])
    rows = content.page(tx, filters, limit=query["limit"] + 1, after=after)
    shown = rows[: query["limit"]]
    more = encode_cursor(shown[-1].listed_at, shown[-1].id) if len(rows) > len(shown) else None
    return Page(tuple(view_of(row) for row in shown), more)


def get(tx: Tx, item_id: str) -> ContentView:
    """One video, archived or not."""
    return view_of(load(tx, item_id))


def load(tx: Tx, item_id: str) -> ContentRow:
    """The row; NotFound if there is none."""
    row = content.get(tx, item_id)
    if row is None:
        raise NotFound("there is no video {id}", id=item_id[:64])
    return row


def find_registered(tx: Tx, video_id: str) -> ContentView | None:
    """The video with this id at the source, if it is registered."""
    row = content.by_external_id(tx, video_id)
    return None if row is None else view_of(row)


def register(tx: Tx, actor: Actor, video_id: str, video: Video | None, tags: Sequence[str]) -> ContentView:
    """Register a video; without `video` its preview is read later. Conflict if it is registered."""
    known = content.by_external_id(tx, video_id)
    if known is not None:
        raise Conflict(
            "this video is registered already, as {title}; nothing was changed: {hint}",
            title=known.title or known.url,
            hint=known.id if known.archived_at is None else f"{known.id} (archived)",
            code="registered",
        )
    row = _row(tx, video_id, tags=sorted(set(tags)), seen_at=tx.now)
    content.add(tx, row)
    if video is not None:
        content.change(tx, row.id, said_of(tx, video))
    audit(tx, actor, "content.register", f"content:{row.id}", {"video_id": video_id, "tags": list(tags)})
    return get(tx, row.id)


def new_row(tx: Tx, upload: Upload, channel_id: str, channel_title: str, before: Millis) -> ContentRow:
    """A video that a synchronisation found; one published before `before` is no news."""
    published = upload.published_at or tx.now
    is_old = published <= before
    return _row(
        tx,
        upload.video_id,
        channel_id=channel_id,
        channel_title=channel_title,
        title=upload.title,
        thumbnail_url=upload.thumbnail_url,
        published_at=upload.published_at,
        seen_at=tx.now if is_old else None,
        listed_at=published if is_old else tx.now,
    )


def _row(tx: Tx, video_id: str, **values: Any) -> ContentRow:
    empty: dict[str, Any] = dict.fromkeys(ContentRow.__slots__)
    own = {"id": tx.mint(), "external_id": video_id, "url": watch_url(video_id), "tags": []}
    return ContentRow(**empty | own | {"created_at": tx.now, "listed_at": tx.now} | values)


def said_of(tx: Tx, video: Video) -> dict[str, Any]:
    """The columns that follow from what the source says of a video."""
    lists = {"allowed": video.allowed, "blocked": video.blocked}
    regions = {name: list(listed) for name, listed in lists.items() if listed is not None}
    return {
        "title": video.title,
        "channel_title": video.channel_title,
        "duration_ms": video.duration_ms,
        "thumbnail_url": video.thumbnail_url,
        "published_at": video.published_at,
        "is_embeddable": video.is_embeddable,
        "regions": regions or None,
        "availability": video.privacy if video.privacy in AVAILABILITIES else None,
        "fetched_at": tx.now,
        "last_error_message": None,
    }


def note_details(tx: Tx, asked: Sequence[tuple[str, str]], found: dict[str, Video]) -> None:
    """What the source said of the videos it was asked about, `(id, id at the source)`; those it left out are gone."""
    gone = {"availability": "gone", "fetched_at": tx.now, "last_error_message": content_reasons.VIDEO_GONE}
    for item_id, video_id in asked:
        video = found.get(video_id)
        content.change(tx, item_id, gone if video is None else said_of(tx, video))


def note_unreadable(tx: Tx, asked: Sequence[tuple[str, str]]) -> None:
    """The answer about these could not be read: they are not asked about for ever, at a unit each time."""
    for item_id, _ in asked:
        content.change(tx, item_id, {"fetched_at": tx.now, "last_error_message": content_reasons.VIDEO_UNREADABLE})


def refuse_gone(path: str) -> Invalid:
    """The refusal of a video that the source does not show."""
    return Invalid(
        [FieldError(path, "is the address of no video that can be seen: it is private, was deleted, or never existed")]
    )


def no_thumbnail(item_id: str) -> NotFound:
    """The answer where there is no thumbnail."""
    return NotFound("there is no thumbnail of video {id} here", id=item_id[:64])


def change(tx: Tx, actor: Actor, item_id: str, body: dict[str, Any]) -> ContentView:
    """Replace the tags of a video."""
    load(tx, item_id)
    tags = sorted(set(body["tags"]))
    content.change(tx, item_id, {"tags": tags})
    audit(tx, actor, "content.change", f"content:{item_id}", {"tags": tags})
    return get(tx, item_id)


def archive(tx: Tx, actor: Actor, item_id: str) -> None:
    """Hide a video; runs keep what they had of it."""
    if load(tx, item_id).archived_at is None:
        content.change(tx, item_id, {"archived_at": tx.now})
        audit(tx, actor, "content.archive", f"content:{item_id}")


def restore(tx: Tx, actor: Actor, item_id: str) -> ContentView:
    """Show an archived video again."""
    if load(tx, item_id).archived_at is not None:
        content.change(tx, item_id, {"archived_at": None})
        audit(tx, actor, "content.restore", f"content:{item_id}")
    return get(tx, item_id)


def mark_seen(tx: Tx, actor: Actor, item_id: str | None) -> int:
    """A video, or all of them, were seen; how many were new."""
    if item_id is not None:
        load(tx, item_id)
    count = content.mark_seen(tx, None if item_id is None else [item_id])
    if count:
        audit(tx, actor, "content.seen", "content" if item_id is None else f"content:{item_id}", {"count": count})
    return count


def run_params(tx: Tx, item_id: str, path: str) -> dict[str, str]:
    """What a run may use of a video, by parameter (core.template.CONTENT); Invalid if there is none, or archived."""
    row = content.get(tx, item_id)
    if row is None or row.archived_at is not None:
        raise Invalid([FieldError(path, "names no registered video")])
    return dict(zip(CONTENT, (row.id, row.title or row.url, row.url, row.external_id), strict=True))
