"""Routes of notification channels, rules and deliveries. An answer that carries a signing secret is given once, and
no Idempotency-Key is honoured for it.
"""

import os
from typing import Any

from litestar import delete, get, patch, post, put
from litestar.params import FromPath

from rackhand.core.delivery import new_secret
from rackhand.core.schema import Field, Text
from rackhand.engine import notifications
from rackhand.engine.access import Role
from rackhand.engine.notifications import (
    CHANNEL,
    CHANNEL_CHANGE,
    RULE,
    ChannelList,
    ChannelView,
    DeliveryView,
    MadeChannel,
    RuleList,
    RuleView,
)
from rackhand.engine.paging import Page
from rackhand.server.addresses import seal_address
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
from rackhand.server.room import Parts, Room

_ONCE = {"Cache-Control": "no-store"}
SECRET_BYTES = 32


async def make_channel(request: Request, room: Parts, body: dict[str, Any]) -> MadeChannel:
    """Make a channel of a checked body; of a webhook with a new secret."""
    address = await seal_address(room, body["kind"], body["address"])
    secret = new_secret(os.urandom(SECRET_BYTES)) if body["kind"] == "webhook" else None
    sealed = None if secret is None else room.vault.seal_text(secret)
    made = await room.db.write(notifications.add_channel, actor_of(request), body, address, sealed)
    return MadeChannel(made, secret)


async def edit_channel(request: Request, room: Parts, channel_id: str, body: dict[str, Any]) -> ChannelView:
    """Change what is given."""
    before = await room.db.read(notifications.get_channel, channel_id)
    given = body["address"]
    address = None if given is None else await seal_address(room, before.kind, given)
    return await room.db.write(notifications.change_channel, actor_of(request), channel_id, body, address)


async def new_channel_secret(request: Request, room: Parts, channel_id: str) -> MadeChannel:
    """Another secret from now on."""
    secret = new_secret(os.urandom(SECRET_BYTES))
    sealed = room.vault.seal_text(secret)
    changed = await room.db.write(notifications.rotate_secret, actor_of(request), channel_id, sealed)
    return MadeChannel(changed, secret)


async def try_channel(request: Request, room: Parts, channel_id: str) -> DeliveryView:
    """Send a test and wait for how it ends."""
    made = await room.db.write(notifications.send_test, actor_of(request), channel_id)
    await room.courier.deliver_now(made.id)
    return await room.db.read(notifications.get_delivery, made.id)


@get("/api/notifications/channels", **operation("Notification channels", role=Role.ADMIN, answers={200: ChannelList}))
async def list_channels(room: Room) -> Response:
    return answer(await room.db.read(notifications.list_channels))


@post(
    "/api/notifications/channels",
    **operation(
        "Make a channel; the secret of a webhook is shown this once",
        role=Role.ADMIN,
        body=CHANNEL,
        answers={201: MadeChannel},
        errors=(409,),
    ),
)
async def create_channel(request: Request, room: Room) -> Response:
    return answer(await make_channel(request, room, await read_body(request)), 201, _ONCE)


@get(
    "/api/notifications/channels/{channel_id:str}",
    **operation("One channel", role=Role.ADMIN, answers={200: ChannelView}),
)
async def one_channel(room: Room, channel_id: FromPath[str]) -> Response:
    return answer(await room.db.read(notifications.get_channel, channel_id))


@patch(
    "/api/notifications/channels/{channel_id:str}",
    **operation("Change a channel", role=Role.ADMIN, body=CHANNEL_CHANGE, answers={200: ChannelView}),
)
async def change_channel(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    return answer(await edit_channel(request, room, channel_id, await read_body(request)))


@delete(
    "/api/notifications/channels/{channel_id:str}",
    **operation("Forget a channel, its rules and its log", role=Role.ADMIN, answers={204: None}),
)
async def remove_channel(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(notifications.delete_channel, actor_of(request), channel_id)
    return answer_empty()


@post(
    "/api/notifications/channels/{channel_id:str}/rotate",
    **operation(
        "Sign a webhook with a new secret, shown this once",
        role=Role.ADMIN,
        answers={200: MadeChannel},
        errors=(409,),
    ),
)
async def rotate(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    return answer(await new_channel_secret(request, room, channel_id), 200, _ONCE)


@post(
    "/api/notifications/channels/{channel_id:str}/test",
    **operation("Send a test message and say how that ended", role=Role.ADMIN, answers={200: DeliveryView}),
)
async def send_test(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    return answer(await try_channel(request, room, channel_id))


@get("/api/notifications/rules", **operation("Notification rules", role=Role.ADMIN, answers={200: RuleList}))
async def list_rules(room: Room) -> Response:
    return answer(await room.db.read(notifications.list_rules))


@post(
    "/api/notifications/rules",
    **operation("Make a rule", role=Role.ADMIN, body=RULE, answers={201: RuleView}, idempotent=True),
)
async def create_rule(request: Request, room: Room) -> Response:
    return answer(await room.db.write(notifications.add_rule, actor_of(request), await read_body(request)), 201)


@put(
    "/api/notifications/rules/{rule_id:str}",
    **operation("Replace a rule", role=Role.ADMIN, body=RULE, answers={200: RuleView}),
)
async def change_rule(request: Request, room: Room, rule_id: FromPath[str]) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(notifications.change_rule, actor_of(request), rule_id, body))


@delete("/api/notifications/rules/{rule_id:str}", **operation("Forget a rule", role=Role.ADMIN, answers={204: None}))
async def remove_rule(request: Request, room: Room, rule_id: FromPath[str]) -> Response:
    await room.db.write(notifications.delete_rule, actor_of(request), rule_id)
    return answer_empty()


@get(
    "/api/notifications/deliveries",
    **operation(
        "Messages and their tries, the newest first",
        role=Role.ADMIN,
        query=PAGE | {"channel_id": Field(Text(1, 64), None)},
        answers={200: Page[DeliveryView]},
    ),
)
async def list_deliveries(request: Request, room: Room) -> Response:
    return answer(await room.db.read(notifications.list_deliveries, read_query(request)))


@post(
    "/api/notifications/deliveries/{delivery_id:str}/redeliver",
    **operation("Send a message again, with the same id", role=Role.ADMIN, answers={200: DeliveryView}, errors=(409,)),
)
async def redeliver(request: Request, room: Room, delivery_id: FromPath[str]) -> Response:
    return answer(await room.db.write(notifications.redeliver, actor_of(request), delivery_id))


handlers: list[Any] = [
    *(list_channels, create_channel, one_channel, change_channel, remove_channel, rotate, send_test),
    *(list_rules, create_rule, change_rule, remove_rule, list_deliveries, redeliver),
]
