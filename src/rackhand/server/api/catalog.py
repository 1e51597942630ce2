"""Routes of command assets."""

from typing import Any

from litestar import delete, get, post, put
from litestar.params import FromPath

from rackhand.core.assets import ASSET, KINDS
from rackhand.core.playbook import AnyObject
from rackhand.core.schema import Choice, Field, Record, Text
from rackhand.engine import catalog
from rackhand.engine.access import Role
from rackhand.engine.catalog import AssetView
from rackhand.engine.paging import Page
from rackhand.server.contract import (
    PAGE,
    Request,
    Response,
    actor_of,
    answer,
    answer_empty,
    operation,
    read_json,
    read_query,
)
from rackhand.server.room import Room

_BODY = Record({**ASSET.fields, "params": Field(AnyObject(), {})})
"""For the document only: core's check_asset checks `params` by kind."""
_FILTERS = {
    "q": Field(Text(1, 200), None),
    "folder": Field(Text(0, 200), None),
    "kind": Field(Choice(tuple(KINDS)), None),
}


@get(
    "/api/command-assets",
    **operation("Command assets by title", role=Role.VIEWER, query=PAGE | _FILTERS, answers={200: Page[AssetView]}),
)
async def list_assets(request: Request, room: Room) -> Response:
    return answer(await room.db.read(catalog.list_assets, read_query(request)))


@post(
    "/api/command-assets",
    **operation("Make a command asset", role=Role.OPERATOR, body=_BODY, answers={201: AssetView}, idempotent=True),
)
async def create_asset(request: Request, room: Room) -> Response:
    body = await read_json(request)
    return answer(await room.db.write(catalog.create_asset, actor_of(request), body), 201)


@get("/api/command-assets/{asset_id:str}", **operation("One asset", role=Role.VIEWER, answers={200: AssetView}))
async def get_asset(room: Room, asset_id: FromPath[str]) -> Response:
    return answer(await room.db.read(catalog.get_asset, asset_id))


@put(
    "/api/command-assets/{asset_id:str}",
    **operation(
        "Edit an asset: a new revision", role=Role.OPERATOR, body=_BODY, answers={200: AssetView}, errors=(409,)
    ),
)
async def update_asset(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    body = await read_json(request)
    return answer(await room.db.write(catalog.update_asset, actor_of(request), asset_id, body))


@delete(
    "/api/command-assets/{asset_id:str}",
    **operation("Archive an asset; saved playbooks keep their copy", role=Role.OPERATOR, answers={204: None}),
)
async def archive_asset(request: Request, room: Room, asset_id: FromPath[str]) -> Response:
    await room.db.write(catalog.archive_asset, actor_of(request), asset_id)
    return answer_empty()


handlers: list[Any] = [list_assets, create_asset, get_asset, update_asset, archive_asset]
