"""People as a provider knows them, in SQL: the pair of issuer and subject, and who it is here. No rule is decided."""

from sqlalchemy import insert, select, update

from rackhand.store.db import Tx
from rackhand.store.tables import identities

_I = identities.c


def find(tx: Tx, issuer: str, subject: str) -> str | None:
    """The id of the person."""
    where = (_I.workspace_id == tx.workspace_id, _I.issuer == issuer, _I.subject == subject)
    found: str | None = tx.conn.execute(select(_I.user_id).where(*where)).scalar_one_or_none()
    return found


def add(tx: Tx, issuer: str, subject: str, user_id: str) -> None:
    """Insert the identity of a person who logs in for the first time."""
    row = {"workspace_id": tx.workspace_id, "issuer": issuer, "subject": subject, "user_id": user_id}
    tx.conn.execute(insert(identities).values(row | {"created_at": tx.now, "last_login_at": tx.now}))


def touch(tx: Tx, issuer: str, subject: str) -> None:
    """Note a login."""
    where = (_I.workspace_id == tx.workspace_id, _I.issuer == issuer, _I.subject == subject)
    tx.conn.execute(update(identities).where(*where).values(last_login_at=tx.now))
