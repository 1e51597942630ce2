"""Notification channels and rules in SQL. Addresses and secrets come in sealed and go out sealed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import notification_channels, notification_rules

_C = notification_channels.c
_R = notification_rules.c


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One row of notification_channels; `address` and `secret` are sealed."""

    id: str
    title: str
    kind: str
    address: str
    address_shown: str
    secret: str | None
    language: str
    digest_s: int
    is_enabled: bool
    told_at: Millis | None
    failure_count: int
    succeeded_at: Millis | None
    last_error_message: str | None
    created_at: Millis
    created_by: str | None


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One row of notification_rules."""

    id: str
    title: str
    kinds: list[str]
    channel_id: str
    is_enabled: bool
    since_at: Millis
    created_by: str | None


_CHANNEL = tuple(_C[name] for name in ChannelRow.__slots__)
_RULE = tuple(_R[name] for name in RuleRow.__slots__)


def _this(tx: Tx, channel_id: str) -> tuple[ColumnElement[bool], ...]:
    return (_C.workspace_id == tx.workspace_id, _C.id == channel_id)


def add_channel(tx: Tx, row: ChannelRow) -> None:
    values = {name: getattr(row, name) for name in ChannelRow.__slots__}
    tx.conn.execute(insert(notification_channels).values(workspace_id=tx.workspace_id, **values))


def get_channel(tx: Tx, channel_id: str) -> ChannelRow | None:
    """One channel, or None."""
    found = tx.conn.execute(select(*_CHANNEL).where(*_this(tx, channel_id))).first()
    return None if found is None else ChannelRow(**found._mapping)


def all_channels(tx: Tx) -> list[ChannelRow]:
    """By title."""
    statement = select(*_CHANNEL).where(_C.workspace_id == tx.workspace_id).order_by(_C.title, _C.id)
    return [ChannelRow(**row._mapping) for row in tx.conn.execute(statement)]


def change_channel(tx: Tx, channel_id: str, values: Mapping[str, Any]) -> None:
    tx.conn.execute(update(notification_channels).where(*_this(tx, channel_id)).values(dict(values)))


def remove_channel(tx: Tx, channel_id: str) -> None:
    """Delete a channel with its rules and deliveries."""
    tx.conn.execute(delete(notification_channels).where(*_this(tx, channel_id)))


def tell(tx: Tx, row: ChannelRow) -> bool:
    """Take this channel's turn to be told; False if another replica did."""
    where = (*_this(tx, row.id), _C.told_at.is_not_distinct_from(row.told_at))
    return tx.conn.execute(update(notification_channels).where(*where).values(told_at=tx.now)).rowcount == 1


def note_success(tx: Tx, channel_id: str) -> None:
    """A try went well."""
    change_channel(tx, channel_id, {"failure_count": 0, "succeeded_at": tx.now, "last_error_message": None})


def note_failure(tx: Tx, channel_id: str, message: str) -> None:
    """A try failed."""
    change_channel(tx, channel_id, {"failure_count": _C.failure_count + 1, "last_error_message": message})


def all_rules(tx: Tx) -> list[RuleRow]:
    """By title."""
    statement = select(*_RULE).where(_R.workspace_id == tx.workspace_id).order_by(_R.title, _R.id)
    return [RuleRow(**row._mapping) for row in tx.conn.execute(statement)]


def add_rule(tx: Tx, row: RuleRow) -> None:
    values = {name: getattr(row, name) for name in RuleRow.__slots__}
    tx.conn.execute(insert(notification_rules).values(workspace_id=tx.workspace_id, **values))


def change_rule(tx: Tx, rule_id: str, values: Mapping[str, Any]) -> bool:
    """False if there is no such rule."""
    where = (_R.workspace_id == tx.workspace_id, _R.id == rule_id)
    return tx.conn.execute(update(notification_rules).where(*where).values(dict(values))).rowcount == 1


def remove_rule(tx: Tx, rule_id: str) -> bool:
    """False if there is no such rule."""
    where = (_R.workspace_id == tx.workspace_id, _R.id == rule_id)
    return tx.conn.execute(delete(notification_rules).where(*where)).rowcount == 1
