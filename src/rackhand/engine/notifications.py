"""Notification channels, rules and deliveries as people see and change them. Addresses come in sealed by the server.

What holds a password is told once or never: of an address only a part is shown, the signing secret only in the answer
to the request that made it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.delivery import DeliveryState
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.happenings import RULED, Found, Happening
from rackhand.core.schema import Boolean, Choice, Field, Integer, ListOf, Record, Text
from rackhand.engine.access import Actor, audit
from rackhand.engine.paging import Page, decode_cursor, encode_cursor
from rackhand.store import deliveries, happenings
from rackhand.store import notification_channels as channels
from rackhand.store.db import Tx
from rackhand.store.deliveries import DeliveryRow
from rackhand.store.notification_channels import ChannelRow, RuleRow
from rackhand.store.tables_notices import CHANNEL_KINDS, LANGUAGES

MAX_CHANNELS = 200
_TITLE, _ADDRESS = Text(min=1, max=200), Text(min=1, max=2000)
_OPTIONS: dict[str, Any] = {
    "language": Field(Choice(LANGUAGES), "en"),
    "digest_s": Field(Integer(0, 86_400), 60),
    "is_enabled": Field(Boolean(), True),
}
CHANNEL = Record({"title": _TITLE, "kind": Choice(CHANNEL_KINDS), "address": _ADDRESS, **_OPTIONS})
CHANNEL_CHANGE = Record(
    {
        "title": Field(_TITLE, None),
        "address": Field(_ADDRESS, None),
        "language": Field(Choice(LANGUAGES), None),
        "digest_s": Field(Integer(0, 86_400), None),
        "is_enabled": Field(Boolean(), None),
    }
)
RULE = Record(
    {
        "title": _TITLE,
        "kinds": ListOf(Choice(tuple(RULED)), min=1, max=len(RULED)),
        "channel_id": Text(min=1, max=64),
        "is_enabled": Field(Boolean(), True),
    }
)


@dataclass(frozen=True, slots=True)
class SealedAddress:
    """An address, encrypted, and as much of it as everybody may see."""

    sealed: str
    shown: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel. `failure_count`: tries that failed in a row."""

    id: str
    title: str
    kind: str
    address_shown: str
    language: str
    digest_s: int
    is_enabled: bool
    failure_count: int
    succeeded_at: Millis | None
    last_error_message: str | None
    created_at: Millis
    created_by: str | None


@dataclass(frozen=True, slots=True)
class MadeChannel:
    """The answer to making a channel: `secret` signs a webhook and is told only now."""

    channel: ChannelView
    secret: str | None


@dataclass(frozen=True, slots=True)
class ChannelList:
    items: tuple[ChannelView, ...]


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule: these kinds of happenings are told to this channel."""

    id: str
    title: str
    kinds: tuple[str, ...]
    channel_id: str
    is_enabled: bool
    since_at: Millis
    created_by: str | None


@dataclass(frozen=True, slots=True)
class RuleList:
    items: tuple[RuleView, ...]


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A message and its tries. `state`: due, sending, delivered or given_up."""

    id: str
    channel_id: str
    state: DeliveryState
    is_test: bool
    happening_count: int
    attempt: int
    next_at: Millis | None
    status_code: int | None
    last_error_message: str | None
    answer: str | None
    created_at: Millis
    tried_at: Millis | None
    finished_at: Millis | None


def list_channels(tx: Tx) -> ChannelList:
    """By title."""
    return ChannelList(tuple(map(_channel, channels.all_channels(tx))))


def get_channel(tx: Tx, channel_id: str) -> ChannelView:
    """One channel; NotFound."""
    return _channel(load_channel(tx, channel_id))


def load_channel(tx: Tx, channel_id: str) -> ChannelRow:
    """One channel with what is sealed; NotFound names the id."""
    row = channels.get_channel(tx, channel_id)
    if row is None:
        raise NotFound("there is no notification channel {id}", id=channel_id[:64])
    return row


def add_channel(tx: Tx, actor: Actor, body: dict[str, Any], address: SealedAddress, secret: str | None) -> ChannelView:
    """Make a channel of a checked body; `secret` is sealed."""
    if len(channels.all_channels(tx)) >= MAX_CHANNELS:
        raise Conflict("there are {n} channels already; nothing was changed: delete one first", n=MAX_CHANNELS)
    options = {name: body[name] for name in ("title", "kind", *_OPTIONS)}
    row = ChannelRow(
        id=tx.mint(),
        address=address.sealed,
        address_shown=address.shown,
        secret=secret,
        told_at=None,
        failure_count=0,
        succeeded_at=None,
        last_error_message=None,
        created_at=tx.now,
        created_by=actor.name,
        **options,
    )
    channels.add_channel(tx, row)
    audit(tx, actor, "notification_channel.create", f"channel:{row.id}", options | {"address": address.shown})
    return _channel(row)


def change_channel(
    tx: Tx, actor: Actor, channel_id: str, body: dict[str, Any], address: SealedAddress | None
) -> ChannelView:
    """Change what is given."""
    load_channel(tx, channel_id)
    values = {name: body[name] for name in ("title", *_OPTIONS) if body[name] is not None}
    told = dict(values)
    if address is not None:
        values |= {"address": address.sealed, "address_shown": address.shown, "failure_count": 0}
        values |= {"last_error_message": None}
        told["address"] = address.shown
    if values:
        channels.change_channel(tx, channel_id, values)
        audit(tx, actor, "notification_channel.change", f"channel:{channel_id}", told)
    return get_channel(tx, channel_id)


def rotate_secret(tx: Tx, actor: Actor, channel_id: str, secret: str) -> ChannelView:
    """Sign with another (sealed) secret from now on; Conflict unless it is a webhook."""
    if load_channel(tx, channel_id).kind != "webhook":
        raise Conflict("only webhooks are signed; nothing was changed", code="not_signed")
    channels.change_channel(tx, channel_id, {"secret": secret})
    audit(tx, actor, "notification_channel.rotate", f"channel:{channel_id}")
    return get_channel(tx, channel_id)


def delete_channel(tx: Tx, actor: Actor, channel_id: str) -> None:
    """Forget a channel with its rules and its log."""
    row = load_channel(tx, channel_id)
    channels.remove_channel(tx, channel_id)
    audit(tx, actor, "notification_channel.delete", f"channel:{channel_id}", {"title": row.title})


def send_test(tx: Tx, actor: Actor, channel_id: str) -> DeliveryView:
    """A delivery that says that it is a test; it is due at once, also of a channel that is switched off."""
    load_channel(tx, channel_id)
    delivery_id = tx.mint()
    path = f"/settings/notifications/channels/{channel_id}"
    happening = happenings.add(tx, Found(Happening.TEST, delivery_id, tx.now, f"channel:{channel_id}", path))
    deliveries.add(tx, channel_id, delivery_id, happening_count=1, is_test=True)
    happenings.notify(tx, str(happening), [channel_id])
    happenings.assign(tx, channel_id, str(happening), delivery_id)
    audit(tx, actor, "notification_channel.test", f"channel:{channel_id}")
    return get_delivery(tx, delivery_id)


def list_rules(tx: Tx) -> RuleList:
    """By title."""
    return RuleList(tuple(map(_rule, channels.all_rules(tx))))


def get_rule(tx: Tx, rule_id: str) -> RuleView:
    """One rule; NotFound names the id."""
    found = next((rule for rule in channels.all_rules(tx) if rule.id == rule_id), None)
    if found is None:
        raise NotFound("there is no notification rule {id}", id=rule_id[:64])
    return _rule(found)


def add_rule(tx: Tx, actor: Actor, body: dict[str, Any]) -> RuleView:
    """Make a rule of a checked body; what happened before is not told."""
    _require_channel(tx, body)
    kinds = _in_order(body["kinds"])
    same = {name: body[name] for name in ("title", "channel_id", "is_enabled")}
    row = RuleRow(id=tx.mint(), kinds=kinds, since_at=tx.now, created_by=actor.name, **same)
    channels.add_rule(tx, row)
    audit(tx, actor, "notification_rule.create", f"rule:{row.id}", same | {"kinds": kinds})
    return _rule(row)


def change_rule(tx: Tx, actor: Actor, rule_id: str, body: dict[str, Any]) -> RuleView:
    """Replace a rule by a checked body; one that is switched on again tells what happens from now on."""
    before = get_rule(tx, rule_id)
    _require_channel(tx, body)
    values = body | {"kinds": _in_order(body["kinds"])}
    is_again = body["is_enabled"] and not before.is_enabled
    channels.change_rule(tx, rule_id, values | ({"since_at": tx.now} if is_again else {}))
    audit(tx, actor, "notification_rule.change", f"rule:{rule_id}", values)
    return get_rule(tx, rule_id)


def delete_rule(tx: Tx, actor: Actor, rule_id: str) -> None:
    """Forget a rule."""
    title = get_rule(tx, rule_id).title
    channels.remove_rule(tx, rule_id)
    audit(tx, actor, "notification_rule.delete", f"rule:{rule_id}", {"title": title})


def _require_channel(tx: Tx, body: dict[str, Any]) -> None:
    if channels.get_channel(tx, body["channel_id"]) is None:
        raise Invalid([FieldError("/channel_id", "is no channel")])


def _in_order(kinds: Iterable[str]) -> list[str]:
    wanted = set(kinds)
    return [kind.value for kind in RULED if kind.value in wanted]


def list_deliveries(tx: Tx, query: dict[str, Any]) -> Page[DeliveryView]:
    """The newest first; `query` has limit, cursor, channel_id."""
    after, limit = decode_cursor(query["cursor"], tuple[int, str]), query["limit"]
    rows = deliveries.page(tx, channel_id=query["channel_id"], limit=limit + 1, after=after)
    shown = rows[:limit]
    more = encode_cursor(shown[-1].created_at, shown[-1].id) if len(rows) > limit else None
    return Page(tuple(map(_delivery, shown)), more)


def get_delivery(tx: Tx, delivery_id: str) -> DeliveryView:
    """One delivery; NotFound names the id."""
    row = deliveries.get(tx, delivery_id)
    if row is None:
        raise NotFound("there is no delivery {id}", id=delivery_id[:64])
    return _delivery(row)


def redeliver(tx: Tx, actor: Actor, delivery_id: str) -> DeliveryView:
    """Send a message again, with the same id; Conflict while it is being sent."""
    before = get_delivery(tx, delivery_id)
    if not deliveries.send_again(tx, delivery_id):
        raise Conflict(
            "delivery {id} is being sent now; nothing was changed: look at how that ends",
            id=delivery_id,
            code="sending",
        )
    audit(tx, actor, "notification.redeliver", f"channel:{before.channel_id}", {"delivery": delivery_id})
    return get_delivery(tx, delivery_id)


def _channel(row: ChannelRow) -> ChannelView:
    return ChannelView(**{name: getattr(row, name) for name in ChannelView.__slots__})


def _rule(row: RuleRow) -> RuleView:
    return RuleView(row.id, row.title, tuple(row.kinds), row.channel_id, row.is_enabled, row.since_at, row.created_by)


def _delivery(row: DeliveryRow) -> DeliveryView:
    return DeliveryView(**{name: getattr(row, name) for name in DeliveryView.__slots__})
