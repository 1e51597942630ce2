"""Routes of content: registered videos, their previews and thumbnails, and the source with its budget."""

from typing import Any

from litestar import delete, get, patch, post, put
from litestar.params import FromPath

from rackhand.core.schema import Boolean, Field, Record, Text
from rackhand.engine import content, content_source
from rackhand.engine.access import Role
from rackhand.engine.content import CHANGE, REGISTER, ContentView
from rackhand.engine.content_source import SourceView
from rackhand.engine.paging import Page
from rackhand.server.content import serve
from rackhand.server.content_desk import PreviewView
from rackhand.server.contract import (
    PAGE,
    Content,
    Request,
    Response,
    actor_of,
    answer,
    answer_empty,
    operation,
    read_body,
    read_query,
)
from rackhand.server.room import Room
from rackhand.server.thumbnails import MEDIA_TYPE
from rackhand.store import content as rows

_FILTERS = {
    "q": Field(Text(1, 200), None),
    "tag": Field(Text(1, 40), None),
    "channel": Field(Text(1, 64), None),
    "is_new": Field(Boolean(), False),
    "is_archived": Field(Boolean(), False),
}
_JPEG = Content((MEDIA_TYPE,))
_PREVIEW = Record({"url": Text(1, 500)})


@get(
    "/api/content",
    **operation(
        "Registered videos, newest first", role=Role.VIEWER, query=PAGE | _FILTERS, answers={200: Page[ContentView]}
    ),
)
async def list_content(request: Request, room: Room) -> Response:
    return answer(await room.db.read(content.list_content, read_query(request)))


@post(
    "/api/content",
    **operation(
        "Register a video by its address or id",
        role=Role.OPERATOR,
        body=REGISTER,
        answers={201: ContentView},
        errors=(409,),
        idempotent=True,
    ),
)
async def register(request: Request, room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.desk.register(actor_of(request), body["url"], body["tags"]), 201)


@post(
    "/api/content/preview",
    **operation(
        "What is known of a video, without registering it",
        role=Role.OPERATOR,
        body=_PREVIEW,
        answers={200: PreviewView},
    ),
)
async def preview(request: Request, room: Room) -> Response:
    return answer(await room.desk.preview((await read_body(request))["url"]))


@get("/api/content/source", **operation("The source's budget and state", role=Role.VIEWER, answers={200: SourceView}))
async def source(room: Room) -> Response:
    return answer(await room.db.read(content_source.read))


@put(
    "/api/content/source",
    **operation(
        "Set the API key of the source, the day's budget, or both; the key is never shown again",
        role=Role.ADMIN,
        body=content_source.CHANGE,
        answers={200: SourceView},
    ),
)
async def change_source(request: Request, room: Room) -> Response:
    return answer(await room.desk.change_source(actor_of(request), await read_body(request)))


@post(
    "/api/content/seen",
    **operation("Mark all videos as seen", role=Role.OPERATOR, answers={204: None}),
)
async def mark_all_seen(request: Request, room: Room) -> Response:
    await room.db.write(content.mark_seen, actor_of(request), None)
    return answer_empty()


@get("/api/content/{item_id:str}", **operation("One video", role=Role.VIEWER, answers={200: ContentView}))
async def get_item(room: Room, item_id: FromPath[str]) -> Response:
    return answer(await room.db.read(content.get, item_id))


@patch(
    "/api/content/{item_id:str}",
    **operation("Replace the tags of a video", role=Role.OPERATOR, body=CHANGE, answers={200: ContentView}),
)
async def change(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(content.change, actor_of(request), item_id, body))


@post("/api/content/{item_id:str}/seen", **operation("Mark as seen", role=Role.OPERATOR, answers={204: None}))
async def mark_seen(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    await room.db.write(content.mark_seen, actor_of(request), item_id)
    return answer_empty()


@delete("/api/content/{item_id:str}", **operation("Archive a video", role=Role.OPERATOR, answers={204: None}))
async def archive(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    await room.db.write(content.archive, actor_of(request), item_id)
    return answer_empty()


@post(
    "/api/content/{item_id:str}/restore",
    **operation("Show an archived video again", role=Role.OPERATOR, answers={200: ContentView}),
)
async def restore(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    return answer(await room.db.write(content.restore, actor_of(request), item_id))


@get(
    "/api/content/{item_id:str}/thumbnail",
    **operation(
        "Our own copy of a thumbnail", role=Role.VIEWER, answers={200: Content((MEDIA_TYPE,)), 206: None, 416: None}
    ),
)
async def thumbnail(request: Request, room: Room, item_id: FromPath[str]) -> Response:
    row = await room.db.read(content.load, item_id)
    size = await room.artifacts.size(row.thumbnail_key) if row.thumbnail_key else None
    if size is None or row.thumbnail_key is None:
        if row.thumbnail_key:  # lost, as after a restore of the database alone: fetched again
            await room.db.write(rows.change, item_id, {"thumbnail_key": None})
        raise content.no_thumbnail(item_id)
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=86400",
    }
    return await serve(request, room.artifacts, row.thumbnail_key, size, headers)


handlers: list[Any] = [
    list_content,
    register,
    preview,
    source,
    change_source,
    mark_all_seen,
    get_item,
    change,
    mark_seen,
    archive,
    restore,
    thumbnail,
]
