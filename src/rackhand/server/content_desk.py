"""What people do with content and needs the source: previews, registrations, thumbnails. One part of a running server.

Without a key, or when the source does not answer, a video is registered all the same; its preview is read later.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from rackhand.core.errors import Conflict, FieldError, Invalid, Refused
from rackhand.core.video_answers import Unreadable, Video
from rackhand.core.video_links import channel_ref, video_id, watch_url
from rackhand.engine import channels, content, content_source
from rackhand.engine.access import Actor
from rackhand.engine.channels import ChannelView
from rackhand.engine.content import ContentView
from rackhand.server import thumbnails
from rackhand.server.outbound import Allowed, Outbound
from rackhand.server.settings import Settings
from rackhand.server.thumbnails import NoImage
from rackhand.server.vault import Vault
from rackhand.server.video_api import VideoApi
from rackhand.store import content as rows
from rackhand.store.blobs import BlobStore
from rackhand.store.db import Database

_THUMBNAIL_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class PreviewView:
    """A video before it is saved. `thumbnail` is a data URI; `note` says why nothing is known; `registered` is the
    video that it is already."""

    video_id: str
    url: str
    title: str | None = None
    channel_title: str | None = None
    duration_ms: int | None = None
    published_at: int | None = None
    is_embeddable: bool | None = None
    regions: dict[str, list[str]] | None = None
    availability: str | None = None
    live: str | None = None
    thumbnail: str | None = None
    note: str | None = None
    registered: ContentView | None = None


class Desk:
    """Over the database, the source, and the store of thumbnails."""

    def __init__(self, db: Database, api: VideoApi, blobs: BlobStore) -> None:
        self.db, self.api, self.blobs = db, api, blobs

    async def preview(self, text: str) -> PreviewView:
        """What would be registered; Invalid names the field `/url`."""
        found = _checked_video(text)
        registered = await self.db.read(content.find_registered, found)
        try:
            video = await self._video(found)
        except (Conflict, Unreadable) as error:
            note = error.detail if isinstance(error, Conflict) else str(error)
            return PreviewView(found, watch_url(found), note=note, registered=registered)
        shown = _shown(video)
        return PreviewView(**shown, thumbnail=await self._picture(video.thumbnail_url), registered=registered)

    async def register(self, actor: Actor, text: str, tags: list[str]) -> ContentView:
        """Register a video; Invalid if the source says that it cannot be seen, Conflict if it is registered."""
        found = _checked_video(text)
        if await self.db.read(content.find_registered, found) is not None:
            return await self.db.write(content.register, actor, found, None, tags)  # says which one it is
        try:
            video = await self._video(found)
        except (Conflict, Unreadable):
            video = None
        saved = await self.db.write(content.register, actor, found, video, tags)
        if video is not None and video.thumbnail_url:
            await self.fetch_thumbnail(saved.id, video.thumbnail_url)
        return await self.db.read(content.get, saved.id)

    async def register_channel(self, actor: Actor, text: str) -> ChannelView:
        """Register a channel; it needs the source: Conflict without a key. Invalid names the field `/channel`."""
        errors: list[FieldError] = []
        ref = channel_ref(text, "/channel", errors)
        if ref is None:
            raise Invalid(errors)
        try:
            found = await self.api.channel(ref)
        except Unreadable as error:
            raise Conflict(
                "the source's answer could not be read; nothing was changed: try again", code="unreadable"
            ) from error
        if found is None:
            raise channels.refuse_missing("/channel")
        return await self.db.write(channels.register, actor, found)

    async def change_source(self, actor: Actor, body: dict[str, Any]) -> content_source.SourceView:
        """Set the key and the budget; the key is encrypted before it is stored."""
        sealed = self.api.vault.seal_text(body["api_key"]) if body["api_key"] else None
        return await self.db.write(content_source.change, actor, body, sealed)

    async def fetch_thumbnail(self, item_id: str, url: str) -> bool:
        """Fetch, encode again and store a thumbnail; no image: given up. False if its host does not answer."""
        try:
            fetched = await self.api.outbound.fetch(url)
        except Refused:
            return False
        try:
            jpeg = await thumbnails.encoded(fetched.body if fetched.status == 200 else b"")
        except NoImage:
            await self.db.write(rows.change, item_id, {"thumbnail_url": None})
            return True
        blob = await self.blobs.put(f"thumbs/{item_id}", _once(jpeg), max_size=_THUMBNAIL_BYTES)
        await self.db.write(rows.change, item_id, {"thumbnail_key": blob.key})
        return True

    async def _video(self, found: str) -> Video:
        video = await self.api.video(found)
        if video is None:
            raise content.refuse_gone("/url")
        return video

    async def _picture(self, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            fetched = await self.api.outbound.fetch(url)
            return thumbnails.data_uri(await thumbnails.encoded(fetched.body))
        except (Refused, NoImage):
            return None


def make_desk(db: Database, settings: Settings, vault: Vault, blobs: BlobStore) -> Desk:
    """The desk of a server or a worker; it may reach what the settings allow."""
    outbound = Outbound(Allowed.of(settings.outbound_allow))
    return Desk(db, VideoApi(db, vault, outbound, settings.content_api_url), blobs)


def _checked_video(text: str) -> str:
    errors: list[FieldError] = []
    found = video_id(text, "/url", errors)
    if errors:
        raise Invalid(errors)
    return found


def _shown(video: Video) -> dict[str, Any]:
    lists = {"allowed": video.allowed, "blocked": video.blocked}
    same = ("title", "channel_title", "duration_ms", "published_at", "is_embeddable", "live")
    return {name: getattr(video, name) for name in same} | {
        "video_id": video.id,
        "url": watch_url(video.id),
        "regions": {name: list(each) for name, each in lists.items() if each is not None} or None,
        "availability": video.privacy,
    }


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
