"""People: made, changed, deactivated, and their passwords. Passwords come in hashed (engine.passwords, in a thread).

There is always an active administrator with a password once there was one: the last one can not be taken away.
"""

import unicodedata
from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, NotAllowed, NotFound
from rackhand.core.schema import Boolean, Choice, Field, Record, Text
from rackhand.engine.access import Actor, Role, audit
from rackhand.engine.passwords import PASSWORD
from rackhand.engine.sessions import Session, end_cookie, open_session
from rackhand.store import accounts as rows
from rackhand.store import sessions
from rackhand.store.accounts import UserRow
from rackhand.store.db import Tx

NAME = Text(
    1,
    80,
    pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
    hint="a name without spaces at its ends and without control characters",
)
USER = Record({"name": NAME, "password": PASSWORD, "role": Field(Choice(tuple(Role)), Role.OPERATOR.value)})
USER_CHANGE = Record(
    {
        "role": Field(Choice(tuple(Role)), None),
        "is_active": Field(Boolean(), None),
        "password": Field(PASSWORD, None),
    }
)
OWN_PASSWORD = Record({"current": Field(Text(0, 200), ""), "password": PASSWORD})


@dataclass(frozen=True, slots=True)
class UserView:
    """A person, without anything secret."""

    id: str
    name: str
    role: str
    is_active: bool
    has_password: bool
    last_login_at: Millis | None
    created_at: Millis


@dataclass(frozen=True, slots=True)
class UserList:
    """Everybody, deactivated people too, by name."""

    items: tuple[UserView, ...]


def key_of(name: str) -> str:
    """How names are compared: `Kim`, `kim` and full-width `ｋｉｍ` are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())


def list_users(tx: Tx) -> UserList:
    """Everybody by name."""
    return UserList(tuple(_view(row) for row in rows.list_users(tx)))


def create_user(tx: Tx, actor: Actor, name: str, role: str, password_hash: str | None) -> UserView:
    """Make a person; Conflict if the name is taken, in whatever case. Without a hash only a one-time link logs in."""
    rows.lock_users(tx)
    taken = rows.find_user(tx, key_of(name))
    if taken is not None:
        raise Conflict(
            "there is a user {name} already; nothing was changed: choose another name", name=taken.name, code="name"
        )
    row = UserRow(tx.mint(), name, password_hash, None, True, None, tx.now, role)
    rows.add_user(tx, row, key_of(name))
    audit(tx, actor, "user.create", f"user:{row.id}", {"name": name, "role": role})
    return _view(row)


def change_user(
    tx: Tx, actor: Actor, user_id: str, change: dict[str, Any], password_hash: str | None = None, but: str | None = None
) -> UserView:
    """Change role, activity or password; None leaves as it is. A new password and a deactivation end the person's
    sessions, `but` the one with this hash (the administrator's own)."""
    rows.lock_users(tx)
    before = _get(tx, user_id)
    role = before.role if change["role"] is None else change["role"]
    is_active = before.is_active if change["is_active"] is None else change["is_active"]
    if _is_admin(before) and not (is_active and role == Role.ADMIN):
        _require_another_admin(tx, before)
    if role != before.role:
        rows.set_role(tx, user_id, role)
        audit(tx, actor, "user.role", f"user:{user_id}", {"name": before.name, "from": before.role, "to": role})
    if is_active != before.is_active:
        rows.set_active(tx, user_id, is_active)
        audit(tx, actor, "user.activate" if is_active else "user.deactivate", f"user:{user_id}", {"name": before.name})
    if password_hash is not None:
        rows.set_password(tx, user_id, password_hash)
        audit(tx, actor, "user.password", f"user:{user_id}", {"name": before.name})
    if password_hash is not None or not is_active:
        _end_access(tx, user_id, but if is_active else None)
    return _view(_get(tx, user_id))


def set_own_password(tx: Tx, actor: Actor, session: Session, old_hash: str | None, password_hash: str) -> None:
    """Replace one's own password, after `old_hash` was checked; ends one's other sessions. Conflict if it was changed
    meanwhile."""
    user = _get(tx, session.user_id)
    if user.password_hash != old_hash:
        raise Conflict("the password was changed by somebody else meanwhile; nothing was changed: log in again")
    rows.set_password(tx, user.id, password_hash)
    _end_access(tx, user.id, session.id_hash)
    audit(tx, actor, "user.password", f"user:{user.id}", {"name": user.name})


def password_of(tx: Tx, user_id: str) -> str | None:
    """The hash to check one's own password against; None while there is no password."""
    return _get(tx, user_id).password_hash


def find_login(tx: Tx, name: str) -> UserRow | None:
    """The active person with this name. Only for checking a password: the row holds its hash."""
    user = rows.find_user(tx, key_of(name))
    return user if user is not None and user.is_active else None


def log_in(
    tx: Tx, user: UserRow, *, replaces: str | None = None, user_agent: str | None = None, remote_addr: str | None = None
) -> str:
    """Open a session after the password of `user` was found right: the new cookie's value. The session of the cookie
    `replaces` ends. NotAllowed if the person was deactivated or got another password while it was checked."""
    now = rows.get_user(tx, user.id)
    if now is None or not now.is_active or now.password_hash != user.password_hash:
        raise NotAllowed("the account was changed meanwhile; nobody was logged in: try again", code="login")
    if replaces:
        end_cookie(tx, replaces)
    return open_session(tx, user.id, user_agent=user_agent, remote_addr=remote_addr)


def has_admin(tx: Tx) -> bool:
    """Whether an administrator can log in with a password."""
    return any(_is_admin(user) and user.password_hash is not None for user in rows.list_users(tx))


def ensure_admin(tx: Tx, actor: Actor, name: str) -> UserView:
    """The active administrator of this name: made without a password, or made so again."""
    rows.lock_users(tx)
    user = rows.find_user(tx, key_of(name))
    if user is None:
        return create_user(tx, actor, name, Role.ADMIN.value, None)
    if _is_admin(user):
        return _view(user)
    return change_user(tx, actor, user.id, {"role": Role.ADMIN.value, "is_active": True, "password": None})


def get_by_name(tx: Tx, name: str) -> UserView:
    """The person with this name, in whatever case; NotFound if there is none."""
    user = rows.find_user(tx, key_of(name))
    if user is None:
        raise NotFound("there is no user {name}", name=name[:80])
    return _view(user)


def _get(tx: Tx, user_id: str) -> UserRow:
    user = rows.get_user(tx, user_id)
    if user is None:
        raise NotFound("there is no user {id}", id=user_id[:64])
    return user


def _is_admin(user: UserRow) -> bool:
    return user.is_active and user.role == Role.ADMIN


def _require_another_admin(tx: Tx, leaving: UserRow) -> None:
    others = [user for user in rows.list_users(tx) if user.id != leaving.id and _is_admin(user)]
    if not any(user.password_hash is not None for user in others):
        raise Conflict(
            "{name} is the last administrator with a password; nothing was changed: make another one first",
            name=leaving.name,
            code="last_admin",
        )


def _end_access(tx: Tx, user_id: str, but: str | None) -> None:
    sessions.delete_sessions_of(tx, user_id, but=but)
    sessions.delete_links_of(tx, user_id)


def _view(row: UserRow) -> UserView:
    return UserView(
        row.id, row.name, row.role, row.is_active, row.password_hash is not None, row.last_login_at, row.created_at
    )
