"""`/login/oidc` and `/login/oidc/callback`: to the OpenID Connect provider of the settings and back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from litestar import Response as LitestarResponse
from litestar import get
from litestar.datastructures import Cookie

from rackhand.core.errors import NotAllowed, NotFound, RackhandError, Refused
from rackhand.core.schema import Field, Text
from rackhand.engine import identities, sessions
from rackhand.engine.identities import Identity
from rackhand.server import logins, session_cookie
from rackhand.server.contract import PUBLIC, Request, Response
from rackhand.server.oidc import Login
from rackhand.server.room import Parts, Room
from rackhand.server.web.login import local_path
from rackhand.server.web.page import page, render_again

_HERE = "/login/oidc"
COOKIE = "rackhand_oidc"
_AGE_S = 600


@get(_HERE, **page(role=PUBLIC, query={"next": Field(Text(0, 2000), "/")}))
async def begin(request: Request, room: Room) -> Response:
    """Off to the provider; the cookie is the proof that it was this browser which went there."""
    require_provider(room)
    login, onward = Login(), local_path(request.query_params.get("next", "/"))
    try:
        address = await room.provider.address(login, _redirect_uri(request))
    except RackhandError as error:
        return render_again(request, "login/login.html", error, {}, onward=onward, provider=room.provider_name)
    answer: Response = LitestarResponse(
        b"", status_code=303, headers={"Location": address, "Cache-Control": "no-store"}
    )
    value = f"{login.secret}.{urlsafe_b64encode(onward.encode()).decode().rstrip('=')}"
    answer.set_cookie(_cookie(request, value, _AGE_S))
    return answer


@get(_HERE + "/callback", **page(role=PUBLIC))
async def end(request: Request, room: Room) -> Response:
    """Back from the provider. The cookie is used up, whatever comes of it."""
    require_provider(room)
    login, onward = _login_of(request)
    answer: Response
    try:
        identity = await _identify(request, room, login)
        cookie = await room.db.write(identities.log_in, identity, **logins.browser(request))
    except RackhandError as error:
        answer = render_again(request, "login/login.html", error, {}, onward=onward, provider=room.provider_name)
    else:
        answer = LitestarResponse(b"", status_code=303, headers={"Location": onward, "Cache-Control": "no-store"})
        session_cookie.set_cookie(request, answer, cookie)
    answer.set_cookie(_cookie(request, "", 0))
    return answer


async def _identify(request: Request, room: Parts, login: Login | None) -> Identity:
    """Who came back. TooMany if answers from this address did not hold too often: each one asks the provider."""
    address = session_cookie.remote_of(request)
    room.attempts.begin(None, address)
    try:
        identity = await room.provider.identify(login, dict(request.query_params), _redirect_uri(request))
    except (NotAllowed, Refused):
        await room.db.write(sessions.note_refused, None, "provider", address)
        raise
    room.attempts.succeed(None, address)
    return identity


def require_provider(room: Parts) -> None:
    """NotFound where none is configured."""
    if not room.settings.oidc_issuer:
        raise NotFound("there is no provider here to log in by; nobody was logged in: use a name and a password")


def _login_of(request: Request) -> tuple[Login | None, str]:
    """The login that this browser began, and where it goes afterwards."""
    secret, _, coded = request.cookies.get(COOKIE, "").partition(".")
    try:
        onward = urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except ValueError:
        onward = "/"
    return (Login(secret) if len(secret) >= 32 else None), local_path(onward)


def _redirect_uri(request: Request) -> str:
    """The Host is one that the Gate let through."""
    return f"{request.url.scheme}://{request.headers['host']}{_HERE}/callback"


def _cookie(request: Request, value: str, max_age_s: int) -> Cookie:
    """Lax: it must come along when the provider sends the browser back."""
    is_https = request.scope["scheme"] == "https"
    return Cookie(COOKIE, value=value, max_age=max_age_s, path=_HERE, httponly=True, samesite="lax", secure=is_https)


handlers: list[Any] = [begin, end]
