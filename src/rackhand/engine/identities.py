"""Logging in by an OpenID Connect provider: an identity is issuer and subject, never a name or an e-mail address.

Who comes for the first time becomes a person of their own, also when somebody here has the same name: an account is
never taken over by what a provider says somebody is called. The role follows the provider at every login.
"""

from dataclasses import dataclass

from rackhand.core.errors import FieldError
from rackhand.engine import accounts
from rackhand.engine.access import SYSTEM, Role, audit
from rackhand.engine.accounts import NAME, key_of
from rackhand.engine.sessions import end_cookie, open_session
from rackhand.store import accounts as people
from rackhand.store import identities as rows
from rackhand.store.db import Tx

MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a provider has authenticated; `role` is what its claims are mapped to."""

    issuer: str
    subject: str
    name: str
    role: Role


def log_in(
    tx: Tx,
    identity: Identity,
    *,
    replaces: str | None = None,
    user_agent: str | None = None,
    remote_addr: str | None = None,
) -> str:
    """Open a session: the new cookie's value. The session of the cookie `replaces` ends. NotAllowed for a deactivated
    person; Conflict if the provider takes the role of the last administrator away."""
    user_id = rows.find(tx, identity.issuer, identity.subject)
    if user_id is None:
        user_id = _register(tx, identity)
    else:
        rows.touch(tx, identity.issuer, identity.subject)
        change = {"role": identity.role.value, "is_active": None, "password": None}
        accounts.change_user(tx, SYSTEM, user_id, change)
    if replaces:
        end_cookie(tx, replaces)
    return open_session(tx, user_id, user_agent=user_agent, remote_addr=remote_addr)


def _register(tx: Tx, identity: Identity) -> str:
    user = accounts.create_user(tx, SYSTEM, _free_name(tx, identity), identity.role.value, None)
    rows.add(tx, identity.issuer, identity.subject, user.id)
    detail = {"name": user.name, "issuer": identity.issuer, "subject": identity.subject}
    audit(tx, SYSTEM, "user.identify", f"user:{user.id}", detail)
    return user.id


def _free_name(tx: Tx, identity: Identity) -> str:
    """The name that the provider gives; with a number if somebody has it here."""
    errors: list[FieldError] = []
    wanted = " ".join(identity.name.split())[:MAX_NAME].strip()
    NAME.check(wanted, "", errors)
    wanted = "somebody" if errors else wanted
    people.lock_users(tx)
    name, number = wanted, 1
    while people.find_user(tx, key_of(name)) is not None:
        number += 1
        name = f"{wanted[: MAX_NAME - 6]} {number}"
    return name
