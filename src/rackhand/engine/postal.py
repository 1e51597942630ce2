"""The post: taking deliveries that are due, and noting how a try ended. What is sent how is the server's courier's.

A delivery that is taken is due again when its claim runs out, so that one whose sender died is sent again: at least
once, each time with the same id.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rackhand.core import reasons
from rackhand.core.delivery import DeliveryState, next_try
from rackhand.store import deliveries, happenings
from rackhand.store import notification_channels as channels
from rackhand.store.db import Tx
from rackhand.store.deliveries import DeliveryRow
from rackhand.store.happenings import HappeningRow
from rackhand.store.notification_channels import ChannelRow

CLAIM_MS = 90_000
"""Longer than any try takes."""
_LONGEST, _ANSWER = 500, 1_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that was taken, with all that is needed to send it; its address is sealed."""

    delivery: DeliveryRow
    channel: ChannelRow
    happenings: tuple[HappeningRow, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended; `error` None: delivered. `is_final`: trying again is of no use."""

    error: str | None = None
    status_code: int | None = None
    answer: str | None = None
    retry_after_s: int | None = None
    is_final: bool = False


def take(tx: Tx, busy: Collection[str], most: int) -> list[Parcel]:
    """Take deliveries that are due, one per channel, of none of the channels that are `busy`."""
    taken: dict[str, Parcel] = {}
    for row in deliveries.due(tx, busy, most * 4):
        if len(taken) < most and row.channel_id not in taken:
            parcel = _take(tx, row)
            if parcel is not None:
                taken[row.channel_id] = parcel
    return list(taken.values())


def take_next(tx: Tx, channel_id: str) -> Parcel | None:
    """Take the next delivery of a channel that is due; None if there is none."""
    taken = (_take(tx, row) for row in deliveries.due(tx, (), 4, channel_id))
    return next((parcel for parcel in taken if parcel is not None), None)


def take_one(tx: Tx, delivery_id: str) -> Parcel | None:
    """Take one delivery now; None if somebody else sends it."""
    row = deliveries.get(tx, delivery_id)
    return None if row is None else _take(tx, row)


def _take(tx: Tx, row: DeliveryRow) -> Parcel | None:
    channel = channels.get_channel(tx, row.channel_id)
    if channel is None or not deliveries.claim(tx, row, tx.now + CLAIM_MS):
        return None
    if not (channel.is_enabled or row.is_test):
        end = {"last_error_message": reasons.SENT_SWITCHED_OFF}
        deliveries.end_try(tx, row.id, DeliveryState.GIVEN_UP, None, **end)
        return None
    fresh = deliveries.get(tx, row.id)
    return None if fresh is None else Parcel(fresh, channel, tuple(happenings.of_delivery(tx, row.id)))


def finish(tx: Tx, parcel: Parcel, outcome: Outcome) -> None:
    """Note how a try ended: delivered, due again later, or given up after a day. A test is tried once."""
    row = parcel.delivery
    answer = None if outcome.answer is None else outcome.answer.replace("\x00", "")[:_ANSWER]
    said = {"status_code": outcome.status_code, "answer": answer}
    if outcome.error is None:
        if deliveries.end_try(tx, row.id, DeliveryState.DELIVERED, None, last_error_message=None, **said):
            channels.note_success(tx, row.channel_id)
        return
    message = outcome.error.replace("\x00", "")[:_LONGEST]
    again = None if outcome.is_final or row.is_test else next_try(row.attempt, tx.now, outcome.retry_after_s)
    state = DeliveryState.GIVEN_UP if again is None else DeliveryState.DUE
    if deliveries.end_try(tx, row.id, state, again, last_error_message=message, **said):
        channels.note_failure(tx, row.channel_id, message)
