"""Idempotency-Key at the routes that declare it: claimed before the handler, kept after it, freed by an error.

A form carries the key in its field `idempotency_key`. Only answers below 300 and redirects of forms are kept. Routes
whose answers carry tokens do not declare it, so that no token is ever stored.
"""

import re
from contextvars import ContextVar
from typing import Any

import msgspec
from litestar import Response as LitestarResponse
from litestar.types import Scope

from rackhand.core.errors import FieldError, Invalid
from rackhand.engine import idempotency
from rackhand.engine.access import Actor
from rackhand.engine.idempotency import Claim
from rackhand.server.room import Room

SEE_OTHER = 303
_KEY = re.compile(r"[!-~]{1,200}", re.ASCII)
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_STATE = "idempotency"
_current: ContextVar[tuple[Room, Claim] | None] = ContextVar("rackhand_idempotency", default=None)


async def claim(request: Any) -> LitestarResponse[Any] | None:
    """Before the handler: the kept answer, or None to go on."""
    _current.set(None)
    form = await _form_of(request)
    key = request.headers.get("idempotency-key", form.get("idempotency_key"))
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Invalid([FieldError("/headers/Idempotency-Key", "must be 1 to 200 printable ASCII characters")])
    actor: Actor = request.scope["state"]["actor"]
    room: Room = request.app.state.room
    said = repr(sorted(form.items())).encode() if form else await request.body()  # boundaries of multipart differ
    digest = room.vault.fingerprint(said)
    wanted = Claim(f"{actor.name} {request.method} {request.scope['path']}", key, digest)
    stored = await room.db.write(idempotency.begin, wanted)
    if stored is not None:
        headers = {"Idempotency-Replayed": "true"}
        if stored.status == SEE_OTHER:
            headers["Location"] = msgspec.json.decode(stored.body)["location"]
        return LitestarResponse(stored.body, status_code=stored.status, media_type="application/json", headers=headers)
    request.scope["state"][_STATE] = wanted
    _current.set((room, wanted))
    return None


async def _form_of(request: Any) -> dict[str, str]:
    """What was typed into a form, without its files; empty for other bodies."""
    if request.content_type[0] not in FORM_TYPES:
        return {}
    return {name: value for name, value in (await request.form()).multi_items() if isinstance(value, str)}


async def keep(response: LitestarResponse[Any]) -> LitestarResponse[Any]:
    """After the handler: keep what it answered."""
    held = _current.get()
    if held is not None:
        room, wanted = held
        _current.set(None)
        status = response.status_code or 200
        if status < 300 or status == SEE_OTHER:
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
