"""`/settings/notifications`: where people are told of what happens, of what, and each message with its tries.

A signing secret is shown on the page that answers the form, once.
"""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.errors import RackhandError
from rackhand.core.happenings import RULED
from rackhand.core.schema import Field, Text, parse
from rackhand.engine import notifications
from rackhand.engine.access import Role
from rackhand.engine.notifications import CHANNEL, CHANNEL_CHANGE, RULE, ChannelView, DeliveryView, RuleView
from rackhand.engine.paging import Page
from rackhand.server.api import notifications as api
from rackhand.server.contract import Request, Response, actor_of, read_query
from rackhand.server.room import Parts, Room
from rackhand.server.web.forms import read_unchecked, typed
from rackhand.server.web.language import gettext_noop as N_
from rackhand.server.web.language import locale_of
from rackhand.server.web.page import page, redirect, render, render_again, say
from rackhand.store.db import Tx

HERE = "/settings/notifications"
CHANNELS, RULES = f"{HERE}/channels", f"{HERE}/rules"
_CHANNEL, _RULE = CHANNELS + "/{channel_id:str}", RULES + "/{rule_id:str}"
_LIST, _ONE = "settings/notifications.html", "settings/channel.html"
_PAGE = 50
KINDS = {
    "run_failed": N_("A run failed"),
    "run_partial": N_("A run is partial"),
    "node_silent": N_("A node is silent"),
    "device_quarantined": N_("A device is quarantined"),
    "new_video": N_("A new video"),
    "quota_low": N_("The quota is nearly used up"),
}
STATES = {
    "due": ("waiting", "clock", N_("Due")),
    "sending": ("running", "play", N_("Being sent")),
    "delivered": ("done", "check", N_("Delivered")),
    "given_up": ("error", "alert", N_("Given up")),
}


def _read(tx: Tx) -> dict[str, Any]:
    channels = notifications.list_channels(tx).items
    titles = {channel.id: channel.title for channel in channels}
    return {"channels": channels, "rules": notifications.list_rules(tx).items, "titles": titles}


async def _view(request: Request, room: Parts) -> dict[str, Any]:
    found = await room.db.read(_read)
    public_url = room.settings.public_url
    return found | {"kinds": KINDS, "language": locale_of(request), "public_url": public_url, "fresh": None}


@get(HERE, **page(role=Role.ADMIN))
async def show(request: Request, room: Room) -> Response:
    return render(request, _LIST, **await _view(request, room))


@post(CHANNELS, **page(role=Role.ADMIN))
async def add_channel(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        made = await api.make_channel(request, room, parse(CHANNEL, await read_unchecked(request, CHANNEL)))
    except RackhandError as error:
        return render_again(request, _LIST, error, form, **await _view(request, room))
    return render(request, _LIST, **await _view(request, room) | {"fresh": made})


@post(RULES, **page(role=Role.ADMIN, once=True))
async def add_rule(request: Request, room: Room) -> Response:
    form = await typed(request)
    try:
        body = parse(RULE, _rule_body(await read_unchecked(request, RULE), form))
        await room.db.write(notifications.add_rule, actor_of(request), body)
    except RackhandError as error:
        return render_again(request, _LIST, error, form, **await _view(request, room))
    return redirect(request, HERE, say(request, N_("The rule holds from now on.")))


def _rule_body(body: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
    """The kinds are ticked one by one."""
    own = {name: value for name, value in body.items() if name in ("title", "channel_id")}
    return own | {"kinds": [kind.value for kind in RULED if form.get(f"/kinds/{kind.value}") == "true"]}


@post(_RULE + "/switch", **page(role=Role.ADMIN))
async def switch_rule(request: Request, room: Room, rule_id: FromPath[str]) -> Response:
    """On if it was off, and off if it was on."""
    await room.db.write(_switch, request, rule_id)
    return redirect(request, HERE, say(request, N_("The rule was changed.")))


def _switch(tx: Tx, request: Request, rule_id: str) -> RuleView:
    before = notifications.get_rule(tx, rule_id)
    body = {"title": before.title, "kinds": before.kinds, "channel_id": before.channel_id}
    return notifications.change_rule(tx, actor_of(request), rule_id, body | {"is_enabled": not before.is_enabled})


@post(_RULE + "/delete", **page(role=Role.ADMIN))
async def delete_rule(request: Request, room: Room, rule_id: FromPath[str]) -> Response:
    await room.db.write(notifications.delete_rule, actor_of(request), rule_id)
    return redirect(request, HERE, say(request, N_("The rule is deleted.")))


def _read_one(tx: Tx, channel_id: str, cursor: str | None) -> tuple[ChannelView, Page[DeliveryView]]:
    query = {"limit": _PAGE, "cursor": cursor, "channel_id": channel_id}
    return notifications.get_channel(tx, channel_id), notifications.list_deliveries(tx, query)


async def _one(room: Parts, channel_id: str, cursor: str | None = None) -> dict[str, Any]:
    view, log = await room.db.read(_read_one, channel_id, cursor)
    return {"view": view, "log": log, "states": STATES, "fresh": None}


@get(_CHANNEL, **page(role=Role.ADMIN, query={"cursor": Field(Text(1, 500), None)}))
async def show_channel(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    return render(request, _ONE, **await _one(room, channel_id, read_query(request)["cursor"]))


@post(_CHANNEL, **page(role=Role.ADMIN))
async def change_channel(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    form = await typed(request)
    try:
        body = parse(CHANNEL_CHANGE, await read_unchecked(request, CHANNEL_CHANGE))
        await api.edit_channel(request, room, channel_id, body)
    except RackhandError as error:
        return render_again(request, _ONE, error, form, **await _one(room, channel_id))
    return redirect(request, f"{CHANNELS}/{channel_id}", say(request, N_("The channel was changed.")))


@post(_CHANNEL + "/rotate", **page(role=Role.ADMIN))
async def rotate(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    made = await api.new_channel_secret(request, room, channel_id)
    return render(request, _ONE, **await _one(room, channel_id) | {"fresh": made})


@post(_CHANNEL + "/test", **page(role=Role.ADMIN))
async def send_test(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    """Send a test and say how it ended."""
    sent = await api.try_channel(request, room, channel_id)
    if sent.last_error_message is None:
        said = say(request, N_("The test message was delivered."))
    else:
        said = say(request, N_("The test message was not delivered: {reason}"), reason=sent.last_error_message)
    return redirect(request, f"{CHANNELS}/{channel_id}", said)


@post(_CHANNEL + "/delete", **page(role=Role.ADMIN))
async def delete_channel(request: Request, room: Room, channel_id: FromPath[str]) -> Response:
    await room.db.write(notifications.delete_channel, actor_of(request), channel_id)
    return redirect(request, HERE, say(request, N_("The channel is deleted.")))


@post(HERE + "/deliveries/{delivery_id:str}/redeliver", **page(role=Role.ADMIN))
async def redeliver(request: Request, room: Room, delivery_id: FromPath[str]) -> Response:
    again = await room.db.write(notifications.redeliver, actor_of(request), delivery_id)
    said = say(request, N_("The message is sent again, with the same id."))
    return redirect(request, f"{CHANNELS}/{again.channel_id}", said)


handlers: list[Any] = [
    *(show, add_channel, add_rule, switch_rule, delete_rule),
    *(show_channel, change_channel, rotate, send_test, delete_channel, redeliver),
]
