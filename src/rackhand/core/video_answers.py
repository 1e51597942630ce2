"""What the three endpoints of the video source answer (`videos.list`, `channels.list`, `playlistItems.list`), read.

A body of another shape than the documented one is `Unreadable`: it is a fault of that answer, and of no other. What an
error answer means for us is one of `Verdict`. Nothing is fetched here.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from rackhand.core.clock import Millis, from_rfc3339

_DURATION = re.compile(r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,7})S)?)?", re.ASCII)
_UNITS_MS = (604_800_000, 86_400_000, 3_600_000, 60_000, 1_000)
_SIZES = ("medium", "high", "default", "standard", "maxres")


class Unreadable(ValueError):
    """An answer that is not what the documentation says."""


class Verdict(StrEnum):
    """What an answer means for the next call."""

    FINE = "fine"
    UNCHANGED = "unchanged"
    QUOTA_SPENT = "quota_spent"
    KEY_REFUSED = "key_refused"
    TOO_FAST = "too_fast"
    NOT_THERE = "not_there"
    FAILING = "failing"


_QUOTA = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "servingLimitExceeded"})
_GONE = frozenset(
    {"playlistNotFound", "channelNotFound", "playlistItemsNotAccessible", "playlistOperationUnsupported"}
    | {"channelClosed", "channelSuspended", "invalidPageToken"}
)


@dataclass(frozen=True, slots=True)
class Video:
    """A video as `videos.list` shows it. `blocked` and `allowed`: regions (ISO 3166-1), None where nothing is said."""

    id: str
    title: str
    channel_id: str
    channel_title: str
    duration_ms: int | None
    published_at: Millis | None
    thumbnail_url: str | None
    is_embeddable: bool | None
    privacy: str
    live: str
    allowed: tuple[str, ...] | None = None
    blocked: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as `channels.list` shows it."""

    id: str
    title: str
    handle: str | None
    uploads_id: str | None
    upload_count: int | None


@dataclass(frozen=True, slots=True)
class Upload:
    """An entry of an uploads playlist."""

    video_id: str
    title: str
    published_at: Millis | None
    thumbnail_url: str | None


@dataclass(frozen=True, slots=True)
class UploadsPage:
    """Up to 50 uploads, newest first; `next_token` gets the older ones."""

    uploads: tuple[Upload, ...] = ()
    next_token: str | None = None
    total: int | None = None
    etag: str | None = field(default=None)


def verdict(status: int, body: bytes) -> Verdict:
    """What an answer means, by its status and the reasons in its body."""
    if status in (200, 304):
        return Verdict.FINE if status == 200 else Verdict.UNCHANGED
    reasons = _reasons(body)
    if reasons & _QUOTA:
        return Verdict.QUOTA_SPENT
    if status == 429 or reasons & _FAST:
        return Verdict.TOO_FAST
    if status == 404 or reasons & _GONE:
        return Verdict.NOT_THERE
    return Verdict.KEY_REFUSED if status in (400, 401, 403) else Verdict.FAILING


def reason_of(body: bytes) -> str:
    """What an error answer says about itself, without markup, in one short line."""
    error = _error(body)
    message = error.get("message") if isinstance(error.get("message"), str) else ""
    return " ".join(re.sub(r"<[^>]*>", "", message or "").split())[:200]


def read_videos(body: bytes) -> dict[str, Video]:
    """By id. A video that is private or deleted is left out by the source."""
    found = [_video(item) for item in _items(body)]
    return {video.id: video for video in found}


def read_channel(body: bytes) -> Channel | None:
    """The channel; None if there is none."""
    items = _items(body)
    if not items:
        return None
    item = items[0]
    snippet, related = _below(item, "snippet"), _below(_below(item, "contentDetails"), "relatedPlaylists")
    return Channel(
        id=_text(item, "id"),
        title=_text(snippet, "title"),
        handle=_text(snippet, "customUrl") or None,
        uploads_id=_text(related, "uploads") or None,
        upload_count=_number(_below(item, "statistics").get("videoCount")),
    )


def read_uploads(body: bytes) -> UploadsPage:
    """A page of an uploads playlist."""
    whole = _decoded(body)
    uploads = tuple(upload for upload in map(_upload, _items(body)) if upload.video_id)
    return UploadsPage(
        uploads,
        _text(whole, "nextPageToken") or None,
        _number(_below(whole, "pageInfo").get("totalResults")),
        _text(whole, "etag") or None,
    )


def duration_ms(text: str) -> int | None:
    """`PT1H2M3S` -> 3,723,000; None for what is no duration, and for `P0D` of a stream that goes on."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    total = sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS_MS, strict=True))
    return total or None


def _video(item: dict[str, Any]) -> Video:
    snippet, details, status = (_below(item, name) for name in ("snippet", "contentDetails", "status"))
    regions, embeddable = _below(details, "regionRestriction"), status.get("embeddable")
    return Video(
        id=_text(item, "id"),
        title=_text(snippet, "title"),
        channel_id=_text(snippet, "channelId"),
        channel_title=_text(snippet, "channelTitle"),
        duration_ms=duration_ms(_text(details, "duration")),
        published_at=_moment(snippet, "publishedAt"),
        thumbnail_url=_thumbnail(snippet),
        is_embeddable=embeddable if isinstance(embeddable, bool) else None,
        privacy=_text(status, "privacyStatus") or "public",
        live=_text(snippet, "liveBroadcastContent") or "none",
        allowed=_regions(regions, "allowed"),
        blocked=_regions(regions, "blocked"),
    )


def _upload(item: dict[str, Any]) -> Upload:
    snippet, details = _below(item, "snippet"), _below(item, "contentDetails")
    return Upload(
        video_id=_text(details, "videoId") or _text(_below(snippet, "resourceId"), "videoId"),
        title=_text(snippet, "title"),
        published_at=_moment(details, "videoPublishedAt") or _moment(snippet, "publishedAt"),
        thumbnail_url=_thumbnail(snippet),
    )


def _thumbnail(snippet: dict[str, Any]) -> str | None:
    shown = _below(snippet, "thumbnails")
    urls = (_text(_below(shown, size), "url") for size in _SIZES)
    return next((url for url in urls if url.startswith(("https://", "http://")) and len(url) <= 2000), None)


def _regions(restriction: dict[str, Any], name: str) -> tuple[str, ...] | None:
    listed = restriction.get(name)
    if not isinstance(listed, list):
        return None
    return tuple(sorted(each for each in listed if isinstance(each, str) and len(each) == 2))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        whole = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("the source's answer is not JSON") from error
    if not isinstance(whole, dict):
        raise Unreadable("the source's answer is no object")
    return whole


def _items(body: bytes) -> list[dict[str, Any]]:
    items = _decoded(body).get("items", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unreadable("the source's answer has no list of items")
    return items


def _error(body: bytes) -> dict[str, Any]:
    try:
        return _below(_decoded(body), "error")
    except Unreadable:
        return {}


def _reasons(body: bytes) -> set[str]:
    listed = _error(body).get("errors")
    entries = listed if isinstance(listed, list) else []
    return {str(entry.get("reason")) for entry in entries if isinstance(entry, dict)}


def _below(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    return value.replace("\x00", "")[:2000] if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _moment(item: dict[str, Any], name: str) -> Millis | None:
    try:
        return from_rfc3339(_text(item, name))
    except ValueError:
        return None
