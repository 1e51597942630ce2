"""Checking and making passwords for the API and the pages. argon2 is slow by design: two threads do it, no transaction.

An unknown name costs the same time and gets the same answer as a wrong password.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rackhand.core.errors import FieldError, Invalid, NotAllowed
from rackhand.engine import accounts, login_links, sessions
from rackhand.engine.passwords import hash_password, is_password
from rackhand.engine.sessions import Session
from rackhand.server import session_cookie
from rackhand.server.contract import Request, actor_of
from rackhand.server.room import Parts

_HASHING = ThreadPoolExecutor(2, "rackhand-argon2")
"""Two, because each takes 64 MiB for a tenth of a second."""


async def hashed(password: str) -> str:
    """The hash of a new password."""
    return await asyncio.get_running_loop().run_in_executor(_HASHING, hash_password, password)


async def _is_right(password: str, password_hash: str | None) -> bool:
    return await asyncio.get_running_loop().run_in_executor(_HASHING, is_password, password, password_hash)


async def log_in(request: Request, room: Parts, name: str, password: str) -> str:
    """The cookie of a new session. NotAllowed for a wrong name or password, TooMany for too many of them."""
    session_cookie.require_same_site(request)
    key, address = accounts.key_of(name), session_cookie.remote_of(request)
    room.attempts.begin(key, address)
    user = await room.db.read(accounts.find_login, name)
    is_right = await _is_right(password, None if user is None else user.password_hash)
    if user is None or not is_right:
        await room.db.write(sessions.note_refused, None if user is None else user.id, "password", address)
        raise NotAllowed("the name or the password is wrong; nobody was logged in", code="login")
    room.attempts.succeed(key, address)
    return await room.db.write(accounts.log_in, user, **browser(request))


async def use_link(request: Request, room: Parts, secret: str) -> str:
    """The cookie of a new session by a one-time link; NotFound if it does not work any more."""
    session_cookie.require_same_site(request)
    return await room.db.write(login_links.use_link, secret, **browser(request))


async def set_own_password(request: Request, room: Parts, body: dict[str, Any]) -> None:
    """Replace one's own password after the current one was checked. Invalid if that is wrong, TooMany if too often;
    NotAllowed for API tokens, which have none."""
    session: Session | None = request.scope["state"].get("session")
    if session is None:
        raise NotAllowed("only a person who is logged in has a password; nothing was changed", code="no_person")
    old_hash = await room.db.read(accounts.password_of, session.user_id)
    if old_hash is not None:
        key, address = accounts.key_of(session.name), session_cookie.remote_of(request)
        room.attempts.begin(key, address)
        if not await _is_right(body["current"], old_hash):
            raise Invalid([FieldError("/current", "is not your current password")])
        room.attempts.succeed(key, address)
    new_hash = await hashed(body["password"])
    await room.db.write(accounts.set_own_password, actor_of(request), session, old_hash, new_hash)


def browser(request: Request) -> dict[str, str | None]:
    """What is noted of the browser that logs in; the session that it had before ends."""
    return {
        "replaces": request.cookies.get(session_cookie.NAME),
        "user_agent": request.headers.get("user-agent"),
        "remote_addr": session_cookie.remote_of(request),
    }
