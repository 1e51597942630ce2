"""The session cookie: read, set, cleared; and the proof that a page of ours sent a request that it authorises.

A request by cookie that changes something must come from this server's own pages: it carries the session's form token
(header X-CSRF-Token, or the field `csrf_token` of a form), and no other site's Origin. Bearer tokens need neither,
since no browser adds them by itself.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from rackhand.core.errors import NotAllowed
from rackhand.engine import sessions
from rackhand.engine.sessions import LONGEST_MS, Session
from rackhand.server.contract import Operation, Request, Response
from rackhand.server.idempotency import FORM_TYPES
from rackhand.server.room import Room

NAME = "rackhand_session"
HEADER = "x-csrf-token"
FIELD = "csrf_token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Connection = ASGIConnection[Any, Any, Any, Any]


async def find(connection: Connection) -> Session | None:
    """The session of the request's cookie, if it is valid; its use is noted, and pages find it in the scope."""
    cookie = connection.cookies.get(NAME)
    if not cookie:
        return None
    room: Room = connection.app.state.room
    session = await room.db.read(sessions.find_session, cookie)
    if session is not None and session.is_use_due:
        await room.db.write(sessions.note_use, session)
    connection.scope["state"]["session"] = session
    return session


async def require_own_page(request: Request, session: Session) -> None:
    """NotAllowed (code `csrf`) for a change that no page of this server asked for."""
    if request.method in _SAFE:
        return
    require_same_site(request)
    if not session.is_csrf_token(request.headers.get(HEADER) or await _field(request)):
        raise NotAllowed(
            "the form token is missing or of another session; nothing was changed: load the page again", code="csrf"
        )


async def _field(request: Request) -> str:
    """The token in a form. Only forms of pages are read: other bodies may be large and are streamed."""
    declared: Operation = request.route_handler.opt["operation"]
    if not declared.is_page or request.content_type[0] not in FORM_TYPES:
        return ""
    given = (await request.form()).get(FIELD)
    return given if isinstance(given, str) else ""


def require_same_site(request: Request) -> None:
    """NotAllowed (code `csrf`) if the browser says that another site's page sent the request.

    `Origin: null` is what browsers send from pages with `Referrer-Policy: no-referrer`, ours too: then
    Sec-Fetch-Site, which no page can set, must say that it was ours.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    host = request.headers.get("host", "").lower()
    is_ours = urlsplit(origin).netloc.lower() == host if origin not in (None, "null") else site == "same-origin"
    if origin is None and site in (None, "none"):
        is_ours = True  # not a page: a program, or a browser older than both headers, which still needs the token
    if not is_ours:
        raise NotAllowed(
            "another site's page sent this request; nothing was changed: use this server's pages", code="csrf"
        )


def remote_of(connection: Connection) -> str | None:
    """The address of the caller."""
    return connection.client.host if connection.client else None


def set_cookie(request: Request, response: Response, value: str) -> None:
    """Let the browser keep a new session; the server decides when it ends."""
    response.set_cookie(_cookie(request, value, LONGEST_MS // 1000))


def clear_cookie(request: Request, response: Response) -> None:
    """Let the browser forget the session."""
    response.set_cookie(_cookie(request, "", 0))


def _cookie(request: Request, value: str, max_age_s: int) -> Cookie:
    is_https = request.scope["scheme"] == "https"
    return Cookie(NAME, value=value, max_age=max_age_s, path="/", httponly=True, samesite="lax", secure=is_https)
