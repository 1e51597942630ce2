"""People in SQL: the row of a person with the role in the workspace. Passwords come in as hashes; no rule is here."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import memberships, users, workspaces


@dataclass(frozen=True, slots=True)
class UserRow:
    """One row of users with its role."""

    id: str
    name: str
    password_hash: str | None
    locale: str | None
    is_active: bool
    last_login_at: Millis | None
    created_at: Millis
    role: str


_USER = (*(users.c[name] for name in UserRow.__slots__ if name != "role"), memberships.c.role)


def _select(tx: Tx) -> Select[Any]:
    joined = users.join(
        memberships, (memberships.c.workspace_id == users.c.workspace_id) & (memberships.c.user_id == users.c.id)
    )
    return select(*_USER).select_from(joined).where(users.c.workspace_id == tx.workspace_id)


def add_user(tx: Tx, user: UserRow, name_key: str) -> None:
    """Insert a person and the role."""
    values = {name: getattr(user, name) for name in UserRow.__slots__ if name != "role"}
    tx.conn.execute(insert(users).values(workspace_id=tx.workspace_id, name_key=name_key, **values))
    row = {"workspace_id": tx.workspace_id, "user_id": user.id, "role": user.role, "created_at": tx.now}
    tx.conn.execute(insert(memberships).values(row))


def get_user(tx: Tx, user_id: str) -> UserRow | None:
    """A person by id, active or not."""
    row = tx.conn.execute(_select(tx).where(users.c.id == user_id)).first()
    return None if row is None else UserRow(*row)


def find_user(tx: Tx, name_key: str) -> UserRow | None:
    """A person by the key of the name, active or not."""
    row = tx.conn.execute(_select(tx).where(users.c.name_key == name_key)).first()
    return None if row is None else UserRow(*row)


def list_users(tx: Tx) -> list[UserRow]:
    """Everybody, by name."""
    return [UserRow(*row) for row in tx.conn.execute(_select(tx).order_by(users.c.name_key))]


def lock_users(tx: Tx) -> None:
    """Let one transaction at a time decide who is the last administrator and whose a name is, also while there is
    nobody yet. SQLite has one writer anyway."""
    tx.conn.execute(select(workspaces.c.id).where(workspaces.c.id == tx.workspace_id).with_for_update(key_share=True))


def set_role(tx: Tx, user_id: str, role: str) -> None:
    """What the person may do from now on."""
    where = (memberships.c.workspace_id == tx.workspace_id, memberships.c.user_id == user_id)
    tx.conn.execute(update(memberships).where(*where).values(role=role))


def set_active(tx: Tx, user_id: str, is_active: bool) -> None:
    """Whether the person may log in from now on."""
    _update(tx, user_id, is_active=is_active)


def set_password(tx: Tx, user_id: str, password_hash: str) -> None:
    """Replace the password by its hash."""
    _update(tx, user_id, password_hash=password_hash)


def note_login(tx: Tx, user_id: str) -> None:
    """Note that the person logged in now."""
    _update(tx, user_id, last_login_at=tx.now)


def _update(tx: Tx, user_id: str, **values: Any) -> None:
    where = (users.c.workspace_id == tx.workspace_id, users.c.id == user_id)
    tx.conn.execute(update(users).where(*where).values(values))
