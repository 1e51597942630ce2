"""Routes of uploaded files: scripts and APKs, stored by their content."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.assets import SHA256_PATTERN
from rackhand.core.errors import Malformed
from rackhand.core.schema import Field, Text
from rackhand.engine import files
from rackhand.engine.access import Role
from rackhand.engine.files import FileView
from rackhand.engine.paging import Page
from rackhand.server.contract import (
    PAGE,
    Content,
    Request,
    Response,
    actor_of,
    answer,
    operation,
    read_query,
)
from rackhand.server.errors import UNSUPPORTED_MEDIA_TYPE
from rackhand.server.room import Room

_SHA256 = Text(64, 64, pattern=SHA256_PATTERN, hint="a sha256 in 64 lower-case hex digits")
_NAME = Text(1, 255, pattern=r"^[^/\\:\x00-\x1f\x7f]+$", hint="a file name without folders")
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@get(
    "/api/files",
    **operation("Uploaded files, newest first", role=Role.VIEWER, query=PAGE, answers={200: Page[FileView]}),
)
async def list_files(request: Request, room: Room) -> Response:
    return answer(await room.db.read(files.list_files, read_query(request)))


@post(
    "/api/files",
    **operation(
        "Upload a file: the body is its content",
        role=Role.OPERATOR,
        body=Content(),
        query={"name": Field(_NAME, "file"), "sha256": Field(_SHA256, None)},
        answers={200: FileView, 201: FileView},
    ),
)
async def upload_file(request: Request, room: Room) -> Response:
    query = read_query(request)
    content_type = request.headers.get("content-type", "application/octet-stream")[:200]
    if content_type.split(";", 1)[0].strip().lower() in _FORMS:
        raise Malformed("forms are not taken here: send the file's content as the body", code=UNSUPPORTED_MEDIA_TYPE)
    blob = await room.files.put(
        None, request.stream(), max_size=room.settings.max_file_bytes, expected_sha256=query["sha256"]
    )
    done = await room.db.write(files.register, actor_of(request), blob.sha256, blob.size, query["name"], content_type)
    return answer(done.view, 201 if done.is_new else 200)


@get(
    "/api/files/{sha256:str}",
    **operation("What is known of a file", role=Role.VIEWER, path={"sha256": _SHA256}, answers={200: FileView}),
)
async def get_file(room: Room, sha256: FromPath[str]) -> Response:
    return answer(await room.db.read(files.get_file, sha256))


handlers: list[Any] = [list_files, upload_file, get_file]
