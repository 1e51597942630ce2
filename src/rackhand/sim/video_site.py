"""A local fake of the video source: `videos`, `channels` and `playlistItems` of its Data API, and thumbnails.

It counts quota as the real one does (one unit a request, refused and unchanged ones too), answers ETags, pages, and
fails on demand. Nothing leaves loopback; tests and `rackhand demo` use it.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rackhand.sim.screen import Canvas, palette

PAGE = 50
PATH = "/youtube/v3"
KEY = "simulated-api-key"


@dataclass(slots=True)
class FakeVideo:
    """A video; `privacy` private and `is_deleted` hide it. `published_at` is in UTC milliseconds."""

    id: str
    title: str
    channel_id: str
    published_at: int
    duration: str = "PT3M20S"
    privacy: str = "public"
    is_deleted: bool = False
    is_embeddable: bool = True
    blocked: tuple[str, ...] = ()


@dataclass(slots=True)
class FakeChannel:
    """A channel; its uploads are newest first. Without any, its playlist is not there, as at the real one."""

    id: str
    title: str
    handle: str
    uploads: list[FakeVideo] = field(default_factory=list)
    upload_total: int | None = None

    @property
    def playlist(self) -> str:
        return "UU" + self.id[2:]


@dataclass(slots=True)
class Failure:
    """What the next requests get instead of an answer."""

    status: int
    reason: str
    left: int
    body: bytes | None = None


class VideoSite:
    """`with VideoSite() as site:` answers at `site.api`; change `channels`, `keys`, `quota`, or `fail` meanwhile."""

    def __init__(self, quota: int = 10_000) -> None:
        self.quota, self.spent = quota, 0
        self.keys = {KEY}
        self.channels: dict[str, FakeChannel] = {}
        self.asked: list[str] = []
        self.on_request: Callable[[str], None] = lambda _: None
        self._failures: dict[str, Failure] = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "VideoSite":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def api(self) -> str:
        """The base address of the three endpoints."""
        return f"http://127.0.0.1:{self._http.server_port}{PATH}"

    def channel(self, name: str, uploads: int = 0, *, latest_at: int = 0, every_ms: int = 3_600_000) -> FakeChannel:
        """Add a channel `@name` with uploads `every_ms` before one another."""
        made = FakeChannel("UC" + name.ljust(22, "-")[:22], name.capitalize(), f"@{name}")
        self.channels[made.id] = made
        for number in reversed(range(uploads)):
            self.upload(made, f"{made.title} {uploads - number}", latest_at - number * every_ms)
        return made

    def upload(self, channel: FakeChannel, title: str, published_at: int, **more: Any) -> FakeVideo:
        """Publish a video in a channel."""
        digest = hashlib.sha256(f"{channel.id} {len(channel.uploads)}".encode()).hexdigest()
        video = FakeVideo(digest[:11], title, channel.id, published_at, **more)
        with self._lock:
            channel.uploads.insert(0, video)
        return video

    def fail(self, endpoint: str, status: int, reason: str = "backendError", body: bytes | None = None) -> None:
        """Let the next request to an endpoint fail."""
        self._failures[endpoint] = Failure(status, reason, 1, body)

    def count(self, endpoint: str) -> int:
        """How many requests came to an endpoint."""
        return sum(path == endpoint for path in self.asked)

    def answer(self, address: str, etag: str | None) -> tuple[int, bytes, str]:
        """Status, body and ETag of a request."""
        parts = urlsplit(address)
        endpoint = parts.path.rpartition("/")[2]
        if parts.path.startswith("/thumbs/"):
            return 200, picture(endpoint), ""
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append(endpoint)
            self.spent += 1
            refused = self._refusal(endpoint, query)
        self.on_request(endpoint)
        if refused is not None:
            return *refused, ""
        status, found = self._found(endpoint, query)
        body = json.dumps(found, sort_keys=True).encode()
        tag = '"' + hashlib.sha256(body).hexdigest()[:27] + '"'
        if status == 200 and etag == tag:
            return 304, b"", tag
        return status, json.dumps({"etag": tag.strip('"')} | found).encode(), tag

    def _refusal(self, endpoint: str, query: dict[str, str]) -> tuple[int, bytes] | None:
        if query.get("key") not in self.keys:
            return 400, _error(400, "badRequest", "API key not valid. Please pass a valid API key.")
        if self.spent > self.quota:
            text = 'The request cannot be completed because you have exceeded your <a href="/quota">quota</a>.'
            return 403, _error(403, "quotaExceeded", text)
        failure = self._failures.get(endpoint)
        if failure is None or failure.left <= 0:
            return None
        failure.left -= 1
        said = failure.body if failure.body is not None else _error(failure.status, failure.reason, failure.reason)
        return failure.status, said

    def _found(self, endpoint: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if endpoint == "videos":
            ids = query.get("id", "").split(",")[:PAGE]
            return 200, {"items": [self._video(video) for video in self._visible(ids)]}
        if endpoint == "channels":
            return 200, {"items": [_channel(each) for each in self.channels.values() if _is_meant(each, query)][:1]}
        if endpoint == "playlistItems":
            return self._uploads(query)
        return 404, json.loads(_error(404, "notFound", "no such endpoint"))

    def _visible(self, ids: list[str]) -> list[FakeVideo]:
        every = {video.id: video for channel in self.channels.values() for video in channel.uploads}
        wanted = (every[each] for each in ids if each in every)
        return [video for video in wanted if video.privacy != "private" and not video.is_deleted]

    def _uploads(self, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        channel = next((each for each in self.channels.values() if each.playlist == query.get("playlistId")), None)
        if channel is None or not channel.uploads:
            return 404, json.loads(_error(404, "playlistNotFound", "The playlist cannot be found."))
        start, size = int(query.get("pageToken", "p0")[1:]), min(int(query.get("maxResults", "5")), PAGE)
        shown = channel.uploads[start : start + size]
        page: dict[str, Any] = {
            "items": [self._entry(video) for video in shown],
            "pageInfo": {"totalResults": channel.upload_total or len(channel.uploads), "resultsPerPage": size},
        }
        if start + size < len(channel.uploads):
            page["nextPageToken"] = f"p{start + size}"
        return 200, page

    def _snippet(self, video: FakeVideo) -> dict[str, Any]:
        host = f"http://127.0.0.1:{self._http.server_port}"
        return {
            "title": video.title,
            "channelId": video.channel_id,
            "channelTitle": self.channels[video.channel_id].title,
            "publishedAt": _moment(video.published_at),
            "liveBroadcastContent": "none",
            "thumbnails": {"medium": {"url": f"{host}/thumbs/{video.id}", "width": 320, "height": 180}},
        }

    def _video(self, video: FakeVideo) -> dict[str, Any]:
        details: dict[str, Any] = {"duration": video.duration}
        if video.blocked:
            details["regionRestriction"] = {"blocked": list(video.blocked)}
        status = {"privacyStatus": video.privacy, "embeddable": video.is_embeddable}
        return {"id": video.id, "snippet": self._snippet(video), "contentDetails": details, "status": status}

    def _entry(self, video: FakeVideo) -> dict[str, Any]:
        details = {"videoId": video.id, "videoPublishedAt": _moment(video.published_at)}
        return {"snippet": self._snippet(video), "contentDetails": details}


def picture(name: str) -> bytes:
    """A thumbnail that tells videos apart."""
    canvas = Canvas(320, 180)
    canvas.fill(0, 130, 320, 50, 1)
    canvas.text(12, 60, name[:11], 4, 2)
    return canvas.png(palette(name, is_black=False))


def _is_meant(channel: FakeChannel, query: dict[str, str]) -> bool:
    return query.get("id") == channel.id or query.get("forHandle", "").lower() == channel.handle


def _channel(channel: FakeChannel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "snippet": {"title": channel.title, "customUrl": channel.handle},
        "contentDetails": {"relatedPlaylists": {"uploads": channel.playlist}},
        "statistics": {"videoCount": str(channel.upload_total or len(channel.uploads))},
    }


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(status: int, reason: str, message: str) -> bytes:
    errors = [{"message": message, "domain": "simulated", "reason": reason}]
    return json.dumps({"error": {"code": status, "message": message, "errors": errors}}).encode()


def _handler(site: VideoSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, etag = site.answer(self.path, self.headers.get("If-None-Match"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if etag:
                self.send_header("ETag", etag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
