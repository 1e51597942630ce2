"""Who may call what: one guard over all routes, deny by default. Roles and audiences come from the declarations."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import BaseRouteHandler
from litestar.routes import BaseRoute

from rackhand.core.errors import FieldError, NotAllowed, NotAuthenticated, NotFound, UpgradeRequired
from rackhand.core.message import word
from rackhand.core.schema import Integer, Spec, Text
from rackhand.engine import access
from rackhand.engine.access import Actor, Role, Scope
from rackhand.server import logs, session_cookie
from rackhand.server.contract import NODE, PUBLIC, Audience, Operation, Request
from rackhand.server.room import Room
from rackhand.wire.messages import SPOKEN

PROTOCOLS = frozenset(map(str, SPOKEN))
MAX_INDEX = 2**31 - 1
_RUNS = "/api/runs"
_PATH_TEXT = Text(min=1, max=200)
_PATH_NUMBER = Integer(0, MAX_INDEX)

Connection = ASGIConnection[Any, Any, Any, Any]


def hash_token(token: str) -> str:
    """What is stored of a 256-bit random token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def require_declared(routes: Iterable[BaseRoute]) -> None:
    """RuntimeError, so that nothing starts, if a route does not say who may call it: the guard would keep it closed,
    but somebody meant it to be used."""
    for route in routes:
        for handler in getattr(route, "route_handlers", [getattr(route, "route_handler", None)]):
            methods = getattr(handler, "http_methods", None)
            if methods != {"OPTIONS"} and (handler is None or "operation" not in handler.opt):
                raise RuntimeError(f"the route {route.path} declares nobody who may call it; use operation() or page()")


async def authorise(connection: Connection, handler: BaseRouteHandler) -> None:
    """Litestar guard of every route: sets the actor, or refuses. A route that declares nothing is closed."""
    declared: Operation | None = handler.opt.get("operation")
    if declared is None:
        if connection.scope.get("method") == "OPTIONS":
            raise MethodNotAllowedException
        raise NotAllowed("this route declares no audience and is closed")
    if declared.role is not PUBLIC:
        await _admit(connection, declared.role)
    _check_path(connection.path_params, declared)
    logs.bind_path(connection.path_params)


async def _admit(connection: Connection, wanted: Role | Audience) -> None:
    actor = await authenticate(connection)
    connection.scope["state"]["actor"] = actor
    logs.bind(node_id=actor.node_id)
    if wanted is NODE:
        if actor.node_id is None:
            raise NotAllowed("only nodes may call this; nothing was changed: send a node token")
        _check_protocol(connection)
    elif actor.role is None:
        raise NotAllowed("node tokens may not call this; nothing was changed: send an API token")
    elif not isinstance(wanted, Role) or not actor.role.includes(wanted):
        raise NotAllowed(
            "this needs the role {wanted}, and yours is {role}; nothing was changed",
            wanted=word(wanted.value),
            role=word(actor.role.value),
            code="role",
        )
    else:
        _require_scope(connection, actor, wanted)


def _require_scope(connection: Connection, actor: Actor, wanted: Role) -> None:
    """What a token's scope leaves of its role: `read` looks and changes nothing; `runs` looks at what operators see,
    and starts, stops and repeats runs."""
    is_reading = connection.scope.get("method") in ("GET", "HEAD")
    is_run = str(connection.scope.get("path_template", "")).startswith(_RUNS)
    fits = {
        Scope.FULL: True,
        Scope.READ: is_reading,
        Scope.RUNS: wanted is not Role.ADMIN and (is_reading or is_run),
    }
    if not fits[actor.scope]:
        raise NotAllowed(
            "the scope of this token is {scope}; nothing was changed: use a token that may do more",
            scope=word(actor.scope.value),
            code="scope",
        )


async def authenticate(connection: Connection) -> Actor:
    """The actor behind the token in the header, or else behind the session cookie."""
    token = credential(connection)
    if token is None:
        return await _by_cookie(connection)
    room: Room = connection.app.state.room
    remote = session_cookie.remote_of(connection)
    bootstrap = room.settings.bootstrap_token
    if bootstrap and hmac.compare_digest(bootstrap.encode(), token.encode("utf-8", "surrogateescape")):
        return Actor("bootstrap", "bootstrap", Role.ADMIN, None, remote)
    actor = await room.db.read(access.by_token, hash_token(token), remote)
    if actor.kind == "token" and await room.db.read(access.is_use_due, actor.id):
        await room.db.write(access.note_use, actor.id)
    return actor


async def _by_cookie(connection: Connection) -> Actor:
    session = await session_cookie.find(connection)
    if session is None:
        raise NotAuthenticated(
            "no credential came with the request; nothing was changed: log in, or send Authorization: Bearer <token>"
        )
    await session_cookie.require_own_page(cast(Request, connection), session)
    return session.actor(session_cookie.remote_of(connection))


def credential(connection: Connection) -> str | None:
    """The token of the Authorization or X-Node-Auth header."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return connection.headers.get("x-node-auth", "").strip() or None


def _check_protocol(connection: Connection) -> None:
    version = connection.headers.get("x-rackhand-protocol", "1").strip()
    if version not in PROTOCOLS:
        raise UpgradeRequired(
            "this server speaks protocol {protocols}, the node sent {version!r}; nothing was changed: "
            "update the older of the two",
            protocols=", ".join(sorted(PROTOCOLS)),
            version=version[:20],
        )


def _check_path(params: dict[str, Any], declared: Operation) -> None:
    for name, value in params.items():
        spec: Spec = declared.path.get(name, _PATH_NUMBER if isinstance(value, int) else _PATH_TEXT)
        errors: list[FieldError] = []
        spec.check(value, f"/{name}", errors)
        if errors:
            raise NotFound("there is nothing with this {name}: it {message}", name=name, message=errors[0].message)
