"""Routes of playbooks, their revisions, YAML export and import, and presets."""

from typing import Any

from litestar import delete, get, post, put
from litestar.params import FromPath

from rackhand.core.playbook import PLAYBOOK
from rackhand.core.schema import Field, Integer, Text
from rackhand.engine import imports, playbooks, portable, presets
from rackhand.engine.access import Role
from rackhand.engine.paging import Page
from rackhand.engine.playbooks import PlaybookItem, PlaybookRevision, PlaybookView, SavedRevision
from rackhand.engine.presets import PresetList
from rackhand.server.auth import MAX_INDEX
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
    require_type,
)
from rackhand.server.room import Room

_YAML = ("application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml")
_FILTERS = {"q": Field(Text(1, 200), None)}
_REVISION = Integer(1, MAX_INDEX)


@get(
    "/api/playbooks",
    **operation("Playbooks by title", role=Role.VIEWER, query=PAGE | _FILTERS, answers={200: Page[PlaybookItem]}),
)
async def list_playbooks(request: Request, room: Room) -> Response:
    return answer(await room.db.read(playbooks.list_playbooks, read_query(request)))


@post(
    "/api/playbooks",
    **operation("Make a playbook", role=Role.OPERATOR, body=PLAYBOOK, answers={201: SavedRevision}, idempotent=True),
)
async def create_playbook(request: Request, room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(playbooks.create_playbook, actor_of(request), body), 201)


@post(
    "/api/playbooks/import",
    **operation(
        "Make a playbook of a YAML document",
        role=Role.OPERATOR,
        body=Content(_YAML),
        answers={201: SavedRevision},
        idempotent=True,
    ),
)
async def import_playbook(request: Request, room: Room) -> Response:
    require_type(request, *_YAML)
    document = portable.parse(await request.body())
    return answer(await room.db.write(imports.import_document, actor_of(request), document), 201)


@post(
    "/api/playbooks/presets",
    **operation("Register the preset playbooks, once", role=Role.OPERATOR, answers={200: PresetList}),
)
async def register_presets(request: Request, room: Room) -> Response:
    return answer(await room.db.write(presets.register_presets, actor_of(request)))


@get(
    "/api/playbooks/{playbook_id:str}",
    **operation("A playbook with its current steps", role=Role.VIEWER, answers={200: PlaybookView}),
)
async def get_playbook(room: Room, playbook_id: FromPath[str]) -> Response:
    return answer(await room.db.read(playbooks.get_playbook, playbook_id))


@put(
    "/api/playbooks/{playbook_id:str}",
    **operation(
        "Edit a playbook: a new revision with fresh copies of its assets",
        role=Role.OPERATOR,
        body=PLAYBOOK,
        answers={200: SavedRevision},
        errors=(409,),
    ),
)
async def update_playbook(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(playbooks.update_playbook, actor_of(request), playbook_id, body))


@delete(
    "/api/playbooks/{playbook_id:str}",
    **operation("Archive a playbook; its runs keep their revision", role=Role.OPERATOR, answers={204: None}),
)
async def archive_playbook(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    await room.db.write(playbooks.archive_playbook, actor_of(request), playbook_id)
    return answer_empty()


@get(
    "/api/playbooks/{playbook_id:str}/revisions",
    **operation("Revisions, newest first", role=Role.VIEWER, query=PAGE, answers={200: Page[PlaybookRevision]}),
)
async def list_revisions(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    return answer(await room.db.read(playbooks.list_revisions, playbook_id, read_query(request)))


@get(
    "/api/playbooks/{playbook_id:str}/revisions/{revision:int}",
    **operation("One revision", role=Role.VIEWER, path={"revision": _REVISION}, answers={200: PlaybookRevision}),
)
async def get_revision(room: Room, playbook_id: FromPath[str], revision: FromPath[int]) -> Response:
    return answer(await room.db.read(playbooks.load_revision, playbook_id, revision))


@get(
    "/api/playbooks/{playbook_id:str}/export",
    **operation(
        "A playbook as YAML",
        role=Role.VIEWER,
        query={"revision": Field(_REVISION, None)},
        answers={200: Content(("application/yaml",))},
    ),
)
async def export_playbook(request: Request, room: Room, playbook_id: FromPath[str]) -> Response:
    revision = read_query(request)["revision"]
    found = await room.db.read(playbooks.load_revision, playbook_id, revision)
    headers = {"Content-Disposition": f'attachment; filename="playbook-{found.playbook_id}-{found.revision}.yaml"'}
    return Response(portable.render(found), media_type="application/yaml", headers=headers)


handlers: list[Any] = [
    list_playbooks,
    create_playbook,
    import_playbook,
    register_presets,
    get_playbook,
    update_playbook,
    archive_playbook,
    list_revisions,
    get_revision,
    export_playbook,
]
