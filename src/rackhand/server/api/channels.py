"""Routes of channels, whose uploads are listed as content."""

from typing import Any

from litestar import delete, get, patch, post
from litestar.params import FromPath

from rackhand.core.schema import Field, Text
from rackhand.engine import channels
from rackhand.engine.access import Role
from rackhand.engine.channels import CHANGE, REGISTER, ChannelView
from rackhand.engine.paging import Page
from rackhand.server.contract import (
    PAGE,
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


@get(
    "/api/channels",
    **operation(
        "Channels by title",
        role=Role.VIEWER,
        query=PAGE | {"q": Field(Text(1, 200), None)},
        answers={200: Page[ChannelView]},
    ),
)
async def list_channels(request: Request, room: Room) -> Response:
    return answer(await room.db.read(channels.list_channels, read_query(request)))


@post(
    "/api/channels",
    **operation(
        "Register a channel by its address, handle or id; it needs an API key",
        role=Role.OPERATOR,
        body=REGISTER,
        answers={201: ChannelView},
        errors=(409,),
        idempotent=True,
    ),
)
async def register(request: Request, room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.desk.register_channel(actor_of(request), body["channel"]), 201)


@get("/api/channels/{channel_id:str}", **operation("One channel", role=Role.VIEWER, answers={200: ChannelView}))
async def get_channel(room: Room, channel_id: FromPath[str]) -> Response:
    return answer(await room.db.read(channels.get, channel_id))


@patch(
    "/api/channels/{channel_id:str}",
    **operation("Switch its synchronisation on or off", role=Role.OPERATOR, body=CHANGE, answers={200: ChannelView}),
)
async def change(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(channels.change, actor_of(request), channel_id, body))


@post(
    "/api/channels/{channel_id:str}/sync",
    **operation("Make a channel due now", role=Role.OPERATOR, answers={200: ChannelView}, errors=(409,)),
)
async def sync(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    return answer(await room.db.write(channels.sync_now, actor_of(request), channel_id))


@delete(
    "/api/channels/{channel_id:str}",
    **operation("Forget a channel; its videos stay", role=Role.OPERATOR, answers={204: None}),
)
async def remove(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(channels.remove, actor_of(request), channel_id)
    return answer_empty()


handlers: list[Any] = [list_channels, register, get_channel, change, sync, remove]
