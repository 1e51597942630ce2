"""Sessions of browsers: opened at login, found by the cookie, ended. The cookie's value is stored only as its SHA-256.

A session ends 14 days after its last use and 90 days after the login, at logout, when the person is deactivated, and
when another browser changes the password. The form token is made from the cookie's value, so every page can show it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from rackhand.core.clock import Millis
from rackhand.core.errors import NotAllowed
from rackhand.engine.access import USE_WRITE_MS, Actor, Role, audit
from rackhand.store import accounts
from rackhand.store import sessions as rows
from rackhand.store.db import Tx

IDLE_MS = 14 * 86_400_000
LONGEST_MS = 90 * 86_400_000
_CSRF_PURPOSE = b"rackhand form token"


@dataclass(frozen=True, slots=True)
class Session:
    """What a request with a valid cookie knows of its session. `csrf_token` goes into forms; never log it."""

    id_hash: str
    user_id: str
    name: str
    role: Role
    csrf_token: str
    csrf_hash: str
    locale: str | None
    is_use_due: bool
    created_at: Millis

    def actor(self, remote_addr: str | None) -> Actor:
        """The person as the one who acts."""
        return Actor("user", self.name, self.role, None, remote_addr)

    def is_csrf_token(self, given: str) -> bool:
        """Whether a form or a script of ours sent the request."""
        return hmac.compare_digest(hash_secret(given), self.csrf_hash)


def hash_secret(secret: str) -> str:
    """What is stored of a 256-bit random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def csrf_token_of(cookie: str) -> str:
    """The form token of a session; it does not give the cookie away."""
    return hmac.new(cookie.encode("utf-8", "surrogateescape"), _CSRF_PURPOSE, hashlib.sha256).hexdigest()


def open_session(tx: Tx, user_id: str, *, user_agent: str | None = None, remote_addr: str | None = None) -> str:
    """Log a person in: the new cookie's value. NotAllowed if there is no such active person."""
    user = accounts.get_user(tx, user_id)
    if user is None or not user.is_active:
        raise NotAllowed("this account is deactivated; nothing was changed: ask an administrator", code="deactivated")
    rows.forget_expired(tx)
    cookie = secrets.token_urlsafe(32)
    rows.add_session(
        tx,
        rows.NewSession(
            hash_secret(cookie),
            user.id,
            hash_secret(csrf_token_of(cookie)),
            tx.now + IDLE_MS,
            None if user_agent is None else user_agent[:300],
            remote_addr,
        ),
    )
    accounts.note_login(tx, user.id)
    actor = Actor("user", user.name, Role(user.role), None, remote_addr)
    audit(tx, actor, "session.open", f"user:{user.id}")
    return cookie


def note_refused(tx: Tx, user_id: str | None, by: str, remote_addr: str | None) -> None:
    """Somebody tried to log in and could not. What they typed is not kept: people type passwords into the field above.

    `by` is `password` or `provider`; `user_id` is whose name it was, None for nobody's.
    """
    nobody = Actor("nobody", "nobody", None, None, remote_addr)
    audit(tx, nobody, "session.refused", None if user_id is None else f"user:{user_id}", {"by": by})


def find_session(tx: Tx, cookie: str) -> Session | None:
    """The valid session of a cookie."""
    found = rows.find_session(tx, hash_secret(cookie))
    if found is None:
        return None
    return Session(
        found.id_hash,
        found.user_id,
        found.name,
        Role(found.role),
        csrf_token_of(cookie),
        found.csrf_hash,
        found.locale,
        tx.now - found.last_used_at >= USE_WRITE_MS,
        found.created_at,
    )


def note_use(tx: Tx, session: Session) -> None:
    """The session was used now: it lives on, at most until the 90th day. To be called when `is_use_due`."""
    rows.touch_session(tx, session.id_hash, min(tx.now + IDLE_MS, session.created_at + LONGEST_MS))


def end_session(tx: Tx, session: Session) -> None:
    """Log this browser out."""
    rows.delete_session(tx, session.id_hash)


def end_cookie(tx: Tx, cookie: str) -> None:
    """Forget the session of a cookie, if there is one: a login in the same browser replaces it."""
    rows.delete_session(tx, hash_secret(cookie))
