"""Idempotency keys in SQL: claim, complete, release, forget. No rule is decided here."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import idempotency_keys


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One row of idempotency_keys; status and body once `state` is done."""

    request_hash: str
    state: str
    status: int | None
    body: str | None


_k = idempotency_keys.c


def _is(tx: Tx, scope: str, key: str) -> tuple[Any, ...]:
    return (_k.workspace_id == tx.workspace_id, _k.scope == scope, _k.key == key)


def claim(tx: Tx, scope: str, key: str, request_hash: str) -> bool:
    """Insert the key as in flight; False if it is there already."""
    table = postgresql.insert(idempotency_keys) if tx.dialect == "postgresql" else sqlite.insert(idempotency_keys)
    statement = table.values(
        workspace_id=tx.workspace_id,
        scope=scope,
        key=key,
        request_hash=request_hash,
        state="in_flight",
        created_at=tx.now,
    ).on_conflict_do_nothing()
    return tx.conn.execute(statement.returning(_k.key)).first() is not None


def get(tx: Tx, scope: str, key: str) -> KeyRow | None:
    """What is known of a key."""
    row = tx.conn.execute(select(_k.request_hash, _k.state, _k.status, _k.body).where(*_is(tx, scope, key))).first()
    return None if row is None else KeyRow(*row)


def complete(tx: Tx, scope: str, key: str, status: int, body: str) -> None:
    """Keep the answer."""
    statement = update(idempotency_keys).where(*_is(tx, scope, key))
    tx.conn.execute(statement.values(state="done", status=status, body=body))


def release(tx: Tx, scope: str, key: str) -> None:
    """Forget a claim whose request changed nothing."""
    tx.conn.execute(delete(idempotency_keys).where(*_is(tx, scope, key), _k.state == "in_flight"))


def forget_before(tx: Tx, moment: Millis) -> None:
    """Remove what was claimed before `moment`."""
    tx.conn.execute(delete(idempotency_keys).where(_k.workspace_id == tx.workspace_id, _k.created_at < moment))
