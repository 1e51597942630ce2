"""Routes of artifacts: what steps produced, for people."""

from typing import Any

from litestar import get
from litestar.params import FromPath

from rackhand.engine import artifacts
from rackhand.engine.access import Role
from rackhand.server.content import SAFE_TYPES, serve, shown_type
from rackhand.server.contract import Content, Request, Response, operation
from rackhand.server.room import Room

_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "text/plain": "txt", "application/json": "json"}


@get(
    "/api/artifacts/{artifact_id:str}",
    **operation(
        "The content of an artifact",
        role=Role.VIEWER,
        answers={
            200: Content(("application/octet-stream", *sorted(SAFE_TYPES))),
            206: Content(("application/octet-stream", *sorted(SAFE_TYPES))),
            416: None,
        },
        headers={"Range": "bytes=first-last"},
    ),
)
async def content(request: Request, room: Room, artifact_id: FromPath[str]) -> Response:
    row, key = await room.db.read(artifacts.stored, artifact_id)
    shown = shown_type(row.content_type)
    base = shown.split(";", 1)[0]
    place = "inline" if base in SAFE_TYPES else "attachment"
    headers = {
        "Content-Type": shown,
        "Content-Disposition": f'{place}; filename="{_word(row.kind)}-{row.device_index}.{_SUFFIXES.get(base, "bin")}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{row.sha256}"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return await serve(request, room.artifacts, key, row.size, headers)


def _word(kind: str) -> str:
    return "".join(c for c in kind if c.isascii() and c.isalnum()) or "artifact"


handlers: list[Any] = [content]
