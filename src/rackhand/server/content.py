"""Stored content over HTTP: whole or in ranges, with types that a browser will not execute."""

import re
from collections.abc import Mapping

from litestar.response import Stream

from rackhand.server.contract import Request, Response, answer_empty
from rackhand.store.blobs import BlobStore

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
SAFE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "text/plain", "application/json"})
"""Types served as they are; everything else is a download of bytes."""


async def serve(request: Request, blobs: BlobStore, key: str, size: int, headers: Mapping[str, str]) -> Response:
    """The content under `key`, or the range of it that was asked for (RFC 9110); 416 beyond its end."""
    base = {"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff", **headers}
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    span = _span(asked, size) if asked and asked.groups() != ("", "") else (0, size)
    if span is None:
        return answer_empty(416, {"Content-Range": f"bytes */{size}"})
    start, end = span
    is_whole = end - start == size
    if not is_whole:
        base["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    base["Content-Length"] = str(end - start)
    chunks = await blobs.open(key, start, end - start)
    media_type = base.pop("Content-Type", "application/octet-stream")
    return Stream(chunks, headers=base, media_type=media_type, status_code=200 if is_whole else 206)


def _span(asked: re.Match[str], size: int) -> tuple[int, int] | None:
    first, last = asked[1], asked[2]
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else None
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    return (start, end) if start < size and start < end else None


def shown_type(content_type: str) -> str:
    """What an artifact is served as: text as UTF-8 text, known pictures as such, all else as plain bytes."""
    base = content_type.split(";", 1)[0].strip().lower()
    if base == "text/plain":
        return "text/plain"
    return base if base in SAFE_TYPES else "application/octet-stream"
