"""One-time links: a way in without a password, for the first start and for who forgot it. Stored as a hash, used once.

They live in the database, so that any replica accepts them and a restart leaves them valid for their 24 hours. The
page behind a link only shows a button: looking at it (a preview, a scanner) uses nothing up.
"""

import secrets

from rackhand.core.errors import Conflict, NotFound
from rackhand.engine import accounts
from rackhand.engine.access import SYSTEM, Actor, audit
from rackhand.engine.sessions import end_cookie, hash_secret, open_session
from rackhand.store import sessions as rows
from rackhand.store.db import Tx

LINK_MS = 86_400_000
ADMIN_NAME = "admin"


def first_link(tx: Tx) -> str | None:
    """The secret of a new link for `admin` while no administrator can log in with a password; else None."""
    return None if accounts.has_admin(tx) else make_link(tx)


def make_link(tx: Tx, name: str | None = None, actor: Actor = SYSTEM) -> str:
    """The secret of a new link for the person `name`; NotFound, or Conflict if deactivated. Without a name for
    `admin`, who is made an active administrator if need be: whoever may ask for that owns the database."""
    user = accounts.ensure_admin(tx, actor, ADMIN_NAME) if name is None else accounts.get_by_name(tx, name)
    if not user.is_active:
        raise Conflict("{name} is deactivated; nothing was changed: activate the account first", name=user.name)
    rows.forget_expired(tx)
    secret = secrets.token_urlsafe(32)
    rows.add_link(tx, hash_secret(secret), user.id, tx.now + LINK_MS)
    audit(tx, actor, "user.link", f"user:{user.id}", {"name": user.name})
    return secret


def is_link(tx: Tx, secret: str) -> bool:
    """Whether the link still works; uses nothing up."""
    return rows.is_link(tx, hash_secret(secret))


def use_link(
    tx: Tx, secret: str, *, replaces: str | None = None, user_agent: str | None = None, remote_addr: str | None = None
) -> str:
    """Log in by a link: the new cookie's value. The person's other links die with it, and the session of the cookie
    `replaces`. NotFound if it was used, ran out or never was."""
    user_id = rows.take_link(tx, hash_secret(secret))
    if user_id is None:
        raise NotFound(
            "this link was used already or ran out; nobody was logged in: `rackhand users link` makes a new one"
        )
    rows.delete_links_of(tx, user_id)
    if replaces:
        end_cookie(tx, replaces)
    return open_session(tx, user_id, user_agent=user_agent, remote_addr=remote_addr)
