"""Idempotency-Key at the routes that declare it: claimed before the handler, kept after it, freed by an error.

Only answers below 300 are kept. Routes whose answers carry tokens do not declare it, so that no token is ever stored.
"""

import hashlib
import re
from contextvars import ContextVar
from typing import Any

from litestar import Response as LitestarResponse
from litestar.types import Scope

from rackhand.core.errors import FieldError, Invalid
from rackhand.engine import idempotency
from rackhand.engine.access import Actor
from rackhand.engine.idempotency import Claim
from rackhand.server.room import Room

_KEY = re.compile(r"[!-~]{1,200}", re.ASCII)
_STATE = "idempotency"
_current: ContextVar[tuple[Room, Claim] | None] = ContextVar("rackhand_idempotency", default=None)


async def claim(request: Any) -> LitestarResponse[Any] | None:
    """Before the handler: the kept answer, or None to go on."""
    _current.set(None)
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Invalid([FieldError("/headers/Idempotency-Key", "must be 1 to 200 printable ASCII characters")])
    actor: Actor = request.scope["state"]["actor"]
    room: Room = request.app.state.room
    digest = hashlib.sha256(await request.body()).hexdigest()
    wanted = Claim(f"{actor.name} {request.method} {request.scope['path']}", key, digest)
    stored = await room.db.write(idempotency.begin, wanted)
    if stored is not None:
        headers = {"Idempotency-Replayed": "true"}
        return LitestarResponse(stored.body, status_code=stored.status, media_type="application/json", headers=headers)
    request.scope["state"][_STATE] = wanted
    _current.set((room, wanted))
    return None


async def keep(response: LitestarResponse[Any]) -> LitestarResponse[Any]:
    """After the handler: keep what it answered."""
    held = _current.get()
    if held is not None:
        room, wanted = held
        _current.set(None)
        status = response.status_code or 200
        if status < 300:
            await room.db.write(idempotency.finish, wanted, status, bytes(response.content or b""))
        else:
            await room.db.write(idempotency.give_up, wanted)
    return response


async def free(_error: Exception, scope: Scope) -> None:
    """After an error: the key may be used again."""
    wanted: Claim | None = scope.get("state", {}).pop(_STATE, None)
    if wanted is not None:
        room: Room = scope["litestar_app"].state.room
        await room.db.write(idempotency.give_up, wanted)
