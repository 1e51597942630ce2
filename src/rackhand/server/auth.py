"""Who may call what: one guard over all routes, deny by default. Roles and audiences come from the declarations."""

import hashlib
import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import BaseRouteHandler

from rackhand.core.errors import FieldError, NotAllowed, NotAuthenticated, NotFound, UpgradeRequired
from rackhand.core.schema import Integer, Spec, Text
from rackhand.engine import access
from rackhand.engine.access import Actor, Role
from rackhand.server.contract import NODE, PUBLIC, Audience, Operation
from rackhand.server.room import Room

PROTOCOLS = frozenset({"1"})
MAX_INDEX = 2**31 - 1
_PATH_TEXT = Text(min=1, max=200)
_PATH_NUMBER = Integer(0, MAX_INDEX)

Connection = ASGIConnection[Any, Any, Any, Any]


def hash_token(token: str) -> str:
    """What is stored of a 256-bit random token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


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


async def _admit(connection: Connection, wanted: Role | Audience) -> None:
    actor = await authenticate(connection)
    connection.scope["state"]["actor"] = actor
    if wanted is NODE:
        if actor.node_id is None:
            raise NotAllowed("only nodes may call this; nothing was changed: send a node token")
        _check_protocol(connection)
    elif actor.role is None:
        raise NotAllowed("node tokens may not call this; nothing was changed: send an API token")
    elif not isinstance(wanted, Role) or not actor.role.includes(wanted):
        raise NotAllowed(
            f"this needs the role {wanted.value}, and yours is {actor.role.value}; nothing was changed", code="role"
        )


async def authenticate(connection: Connection) -> Actor:
    """The actor behind the credential. The place where session cookies will be looked up, too."""
    token = credential(connection)
    room: Room = connection.app.state.room
    remote = connection.client.host if connection.client else None
    bootstrap = room.settings.bootstrap_token
    if bootstrap and hmac.compare_digest(bootstrap.encode(), token.encode("utf-8", "surrogateescape")):
        return Actor("bootstrap", "bootstrap", Role.ADMIN, None, remote)
    actor = await room.db.read(access.by_token, hash_token(token), remote)
    if actor.kind == "token" and await room.db.read(access.is_use_due, actor.id):
        await room.db.write(access.note_use, actor.id)
    return actor


def credential(connection: Connection) -> str:
    """The token of the Authorization or X-Node-Auth header; NotAuthenticated if there is none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    node_token = connection.headers.get("x-node-auth", "").strip()
    if node_token:
        return node_token
    raise NotAuthenticated(
        "no credential came with the request; nothing was changed: send Authorization: Bearer <token>"
    )


def _check_protocol(connection: Connection) -> None:
    version = connection.headers.get("x-rackhand-protocol", "1").strip()
    if version not in PROTOCOLS:
        raise UpgradeRequired(
            f"this server speaks protocol {', '.join(sorted(PROTOCOLS))}, the node sent {version[:20]!r}; "
            "nothing was changed: update the older of the two"
        )


def require_own_node(actor: Actor, node_id: str) -> None:
    """NotAllowed unless a node speaks for itself."""
    if actor.node_id != node_id:
        raise NotAllowed(f"the token is that of node {actor.node_id}, not of {node_id[:80]!r}; nothing was changed")


def _check_path(params: dict[str, Any], declared: Operation) -> None:
    for name, value in params.items():
        spec: Spec = declared.path.get(name, _PATH_NUMBER if isinstance(value, int) else _PATH_TEXT)
        errors: list[FieldError] = []
        spec.check(value, f"/{name}", errors)
        if errors:
            raise NotFound(f"there is nothing with this {name}: it {errors[0].message}")
