"""The client of the video source: three read-only endpoints of the official Data API v3, and nothing else.

Every call takes its unit of the day's budget first, sends the ETag of what is known, and draws the consequence of its
answer (a pause, or the end of one) before anybody sees it. The key goes in the query, as documented; no log has it.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

import structlog

from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, Refused
from rackhand.core.reasons import recognise
from rackhand.core.video_answers import (
    Channel,
    UploadsPage,
    Verdict,
    Video,
    read_channel,
    read_uploads,
    read_videos,
    reason_of,
    verdict,
)
from rackhand.core.video_links import ChannelRef
from rackhand.engine import content_source
from rackhand.server.outbound import Outbound
from rackhand.server.vault import Vault
from rackhand.store import source
from rackhand.store.db import Database, Tx
from rackhand.store.source import AnswerRow

BATCH = 50
"""The most ids of a call, and entries of a page."""
FRESH_MS = 600_000
"""A kept answer this young is not asked for again."""
_log = structlog.get_logger("rackhand.content")
_VIDEO_PARTS, _CHANNEL_PARTS = "snippet,contentDetails,status", "snippet,contentDetails,statistics"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the source said."""

    verdict: Verdict
    body: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class VideoApi:
    """`base_url` ends before the names of the endpoints."""

    db: Database
    vault: Vault
    outbound: Outbound
    base_url: str

    async def videos(self, ids: list[str]) -> dict[str, Video]:
        """Up to 50 videos in one call; those that are private or deleted are left out."""
        answered = await self._ask("videos", {"part": _VIDEO_PARTS, "id": ",".join(ids)}, is_background=True)
        return read_videos(_body(answered))

    async def video(self, video_id: str) -> Video | None:
        """One video, for a person: a kept answer will do."""
        body = await self._kept("videos", {"part": _VIDEO_PARTS, "id": video_id})
        return read_videos(body).get(video_id)

    async def channel(self, ref: ChannelRef) -> Channel | None:
        """A channel, for a person: a kept answer will do."""
        return read_channel(await self._kept("channels", {"part": _CHANNEL_PARTS, ref.by: ref.value}))

    async def uploads(self, playlist_id: str, token: str | None, etag: str | None) -> tuple[Verdict, UploadsPage]:
        """A page of an uploads playlist: read, unchanged since `etag`, or not there."""
        query = {"part": "snippet,contentDetails", "playlistId": playlist_id, "maxResults": str(BATCH)}
        query |= {"pageToken": token} if token else {}
        answered = await self._ask("playlistItems", query, is_background=True, etag=etag)
        if answered.verdict in (Verdict.UNCHANGED, Verdict.NOT_THERE):
            return answered.verdict, UploadsPage()
        return Verdict.FINE, read_uploads(_body(answered))

    async def _kept(self, endpoint: str, query: dict[str, str]) -> bytes:
        request = f"{endpoint}?{urlencode(query)}"
        kept, now = await self.db.read(_kept_answer, request)
        if kept is not None and now - kept.fetched_at < FRESH_MS:
            return kept.body.encode()
        etag = kept.etag if kept is not None else None
        answered = await self._ask(endpoint, query, is_background=False, etag=etag)
        if answered.verdict is Verdict.UNCHANGED and kept is not None:
            await self.db.write(source.keep_answer, request, kept.etag, kept.body)
            return kept.body.encode()
        body = _body(answered)
        await self.db.write(source.keep_answer, request, answered.text, body.decode("utf-8", "replace"))
        return body

    async def _ask(
        self, endpoint: str, query: dict[str, str], *, is_background: bool, etag: str | None = None
    ) -> Answered:
        sealed = (await self.db.read(source.read)).sealed_key
        key = None if sealed is None else self.vault.open_text(sealed)
        if sealed is not None and key is None:  # before a unit is spent
            raise Conflict(
                "the API key was encrypted with another secret key of the server, so the source was not asked: give it "
                "again under Content, Source",
                code=content_source.NO_KEY,
            )
        await self.db.write(content_source.reserve, is_background)
        answered = await self._send(endpoint, query | {"key": key or ""}, etag)
        if answered.verdict not in (Verdict.FINE, Verdict.UNCHANGED, Verdict.NOT_THERE):
            _log.warning("the source did not answer as it should", endpoint=endpoint, verdict=answered.verdict.value)
            await self.db.write(content_source.note, answered.verdict, answered.text)
            reason = recognise(await self.db.read(_reason))
            raise Conflict("nothing was learnt: {reason}", reason=reason, code=content_source.PAUSED)
        await self.db.write(content_source.note, answered.verdict, "")
        return answered

    async def _send(self, endpoint: str, query: dict[str, str], etag: str | None) -> Answered:
        """`text` of a good answer is its ETag, of another one what it says about itself."""
        url = f"{self.base_url.rstrip('/')}/{endpoint}?{urlencode(query)}"
        headers = {"Accept": "application/json"} | ({"If-None-Match": etag} if etag else {})
        try:
            fetched = await self.outbound.fetch(url, headers=headers, redirects=0)
        except Refused as error:
            return Answered(Verdict.FAILING, b"", str(error.detail))
        found = verdict(fetched.status, fetched.body)
        if found is Verdict.FINE:
            return Answered(found, fetched.body, fetched.headers.get("ETag", ""))
        return Answered(found, fetched.body, reason_of(fetched.body) or f"status {fetched.status}")


def _kept_answer(tx: Tx, request: str) -> tuple[AnswerRow | None, Millis]:
    return source.answer(tx, request), tx.now


def _reason(tx: Tx) -> str:
    return source.read(tx).blocked_reason or ""


def _body(answered: Answered) -> bytes:
    """The body of a good answer; what is not there is an empty list."""
    return answered.body if answered.verdict is Verdict.FINE else b'{"items": []}'
