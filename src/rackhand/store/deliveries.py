"""Deliveries in SQL: make, claim, end a try, read the log, forget. What a try means is decided elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, tuple_, update

from rackhand.core.clock import Millis
from rackhand.core.delivery import DeliveryState
from rackhand.store.db import Tx
from rackhand.store.metadata import literals
from rackhand.store.tables import deliveries

_D = deliveries.c
_OPEN = literals([DeliveryState.DUE, DeliveryState.SENDING])
ROWS_A_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One row of deliveries."""

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


_COLUMNS = tuple(_D[name] for name in DeliveryRow.__slots__)


def _this(tx: Tx, delivery_id: str) -> tuple[ColumnElement[bool], ...]:
    return (_D.workspace_id == tx.workspace_id, _D.id == delivery_id)


def _row(row: Any) -> DeliveryRow:
    values = dict(row._mapping)
    return DeliveryRow(**values | {"state": DeliveryState(values["state"])})


def add(tx: Tx, channel_id: str, delivery_id: str, *, happening_count: int, is_test: bool = False) -> None:
    """Insert a delivery that is due now."""
    own = {"workspace_id": tx.workspace_id, "id": delivery_id, "channel_id": channel_id, "is_test": is_test}
    facts = {"state": DeliveryState.DUE.value, "next_at": tx.now, "created_at": tx.now, "attempt": 0}
    tx.conn.execute(insert(deliveries).values(own | facts | {"happening_count": happening_count}))


def count(tx: Tx, delivery_id: str, happening_count: int) -> None:
    """Note how much a new delivery tells of."""
    tx.conn.execute(update(deliveries).where(*_this(tx, delivery_id)).values(happening_count=happening_count))


def get(tx: Tx, delivery_id: str) -> DeliveryRow | None:
    """One delivery, or None."""
    found = tx.conn.execute(select(*_COLUMNS).where(*_this(tx, delivery_id))).first()
    return None if found is None else _row(found)


def due(tx: Tx, busy: Collection[str], most: int, channel_id: str | None = None) -> list[DeliveryRow]:
    """Deliveries that are due, the most overdue first; none of the channels that are `busy`, or only of the one that is
    given. Among them are those whose sender died: their claim ran out."""
    where = [_D.workspace_id == tx.workspace_id, _D.state.in_(_OPEN), _D.next_at <= tx.now]
    if channel_id is not None:
        where.append(_D.channel_id == channel_id)
    if busy:
        where.append(_D.channel_id.not_in(sorted(busy)))
    statement = select(*_COLUMNS).where(*where).order_by(_D.next_at, _D.id).limit(most)
    return [_row(row) for row in tx.conn.execute(statement)]


def claim(tx: Tx, row: DeliveryRow, until: Millis) -> bool:
    """Take a delivery to send it; False if another replica did. After `until` it is due again."""
    where = (*_this(tx, row.id), _D.state == row.state.value, _D.next_at == row.next_at)
    values = {"state": DeliveryState.SENDING.value, "next_at": until, "tried_at": tx.now, "attempt": _D.attempt + 1}
    return tx.conn.execute(update(deliveries).where(*where).values(values)).rowcount == 1


def end_try(tx: Tx, delivery_id: str, state: DeliveryState, next_at: Millis | None, **values: Any) -> bool:
    """How a try ended; False if the delivery ended otherwise meanwhile."""
    is_open = state in (DeliveryState.DUE, DeliveryState.SENDING)
    ended = {"state": state.value, "next_at": next_at, "finished_at": None if is_open else tx.now}
    where = (*_this(tx, delivery_id), _D.state == DeliveryState.SENDING.value)
    return tx.conn.execute(update(deliveries).where(*where).values(ended | values)).rowcount == 1


def send_again(tx: Tx, delivery_id: str) -> bool:
    """Make a delivery due now with all its tries before it; False while it is being sent."""
    where = (*_this(tx, delivery_id), _D.state != DeliveryState.SENDING.value)
    values = {"state": DeliveryState.DUE.value, "next_at": tx.now, "finished_at": None, "attempt": 0}
    return tx.conn.execute(update(deliveries).where(*where).values(values)).rowcount == 1


def page(tx: Tx, *, channel_id: str | None, limit: int, after: tuple[Millis, str] | None) -> list[DeliveryRow]:
    """The newest first, after the cursor `(created_at, id)`; of one channel, if given."""
    statement = select(*_COLUMNS).where(_D.workspace_id == tx.workspace_id)
    if channel_id is not None:
        statement = statement.where(_D.channel_id == channel_id)
    if after is not None:
        statement = statement.where(tuple_(_D.created_at, _D.id) < tuple_(*after))
    rows = tx.conn.execute(statement.order_by(_D.created_at.desc(), _D.id.desc()).limit(limit))
    return [_row(row) for row in rows]


def forget(tx: Tx, before: Millis) -> int:
    """Remove some deliveries that were made before and have ended; returns how many."""
    old = (_D.workspace_id == tx.workspace_id, _D.created_at < before, _D.state.not_in(_OPEN))
    some = select(_D.id).where(*old).limit(ROWS_A_BATCH)
    return tx.conn.execute(delete(deliveries).where(_D.workspace_id == tx.workspace_id, _D.id.in_(some))).rowcount
