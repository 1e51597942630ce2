"""Logged-in browsers and one-time links in SQL. Secrets come in as hashes; no rule is decided here."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import login_links, memberships, sessions, users


@dataclass(frozen=True, slots=True)
class NewSession:
    """What is stored of a new session."""

    id_hash: str
    user_id: str
    csrf_hash: str
    expires_at: Millis
    user_agent: str | None
    remote_addr: str | None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session and the person behind it."""

    id_hash: str
    csrf_hash: str
    created_at: Millis
    last_used_at: Millis
    user_id: str
    name: str
    role: str
    locale: str | None


_OPEN = (
    sessions.c.id_hash,
    sessions.c.csrf_hash,
    sessions.c.created_at,
    sessions.c.last_used_at,
    users.c.id,
    users.c.name,
    memberships.c.role,
    users.c.locale,
)


def add_session(tx: Tx, session: NewSession) -> None:
    """Insert a session that begins now."""
    values = {name: getattr(session, name) for name in NewSession.__slots__}
    row = values | {"workspace_id": tx.workspace_id, "created_at": tx.now, "last_used_at": tx.now}
    tx.conn.execute(insert(sessions).values(row))


def find_session(tx: Tx, id_hash: str) -> OpenSession | None:
    """The session with this hash, unless it ran out or the person is deactivated."""
    to_user = (users.c.workspace_id == sessions.c.workspace_id) & (users.c.id == sessions.c.user_id)
    to_role = (memberships.c.workspace_id == users.c.workspace_id) & (memberships.c.user_id == users.c.id)
    statement = (
        select(*_OPEN)
        .select_from(sessions.join(users, to_user).join(memberships, to_role))
        .where(sessions.c.workspace_id == tx.workspace_id, sessions.c.id_hash == id_hash)
        .where(sessions.c.expires_at > tx.now, users.c.is_active)
    )
    row = tx.conn.execute(statement).first()
    return None if row is None else OpenSession(*row)


def touch_session(tx: Tx, id_hash: str, expires_at: Millis) -> None:
    """Note that a session was used now, and until when it is valid."""
    where = (sessions.c.workspace_id == tx.workspace_id, sessions.c.id_hash == id_hash)
    tx.conn.execute(update(sessions).where(*where).values(last_used_at=tx.now, expires_at=expires_at))


def delete_session(tx: Tx, id_hash: str) -> None:
    """End one session."""
    where = (sessions.c.workspace_id == tx.workspace_id, sessions.c.id_hash == id_hash)
    tx.conn.execute(delete(sessions).where(*where))


def delete_sessions_of(tx: Tx, user_id: str, *, but: str | None = None) -> None:
    """End the sessions of a person, `but` one."""
    statement = delete(sessions).where(sessions.c.workspace_id == tx.workspace_id, sessions.c.user_id == user_id)
    tx.conn.execute(statement if but is None else statement.where(sessions.c.id_hash != but))


def forget_expired(tx: Tx) -> None:
    """Delete sessions and links that ran out."""
    for table in (sessions, login_links):
        where = (table.c.workspace_id == tx.workspace_id, table.c.expires_at <= tx.now)
        tx.conn.execute(delete(table).where(*where))


def add_link(tx: Tx, id_hash: str, user_id: str, expires_at: Millis) -> None:
    """Insert a one-time link."""
    row = {"workspace_id": tx.workspace_id, "id_hash": id_hash, "user_id": user_id}
    tx.conn.execute(insert(login_links).values(row | {"created_at": tx.now, "expires_at": expires_at}))


def is_link(tx: Tx, id_hash: str) -> bool:
    """Whether there is a valid link with this hash."""
    where = (login_links.c.workspace_id == tx.workspace_id, login_links.c.id_hash == id_hash)
    statement = select(login_links.c.user_id).where(*where, login_links.c.expires_at > tx.now)
    return tx.conn.execute(statement).first() is not None


def take_link(tx: Tx, id_hash: str) -> str | None:
    """Delete a valid link; whom it was for. None if there is none, or somebody else was first."""
    where = (login_links.c.workspace_id == tx.workspace_id, login_links.c.id_hash == id_hash)
    statement = delete(login_links).where(*where, login_links.c.expires_at > tx.now)
    taken: str | None = tx.conn.execute(statement.returning(login_links.c.user_id)).scalar_one_or_none()
    return taken


def delete_links_of(tx: Tx, user_id: str) -> None:
    """Make all links of a person worthless."""
    where = (login_links.c.workspace_id == tx.workspace_id, login_links.c.user_id == user_id)
    tx.conn.execute(delete(login_links).where(*where))
