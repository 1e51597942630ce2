"""Routes of the workspace's own settings: policy defaults, limits, retention. Those of a process are elsewhere."""

from typing import Any

from litestar import get, put

from rackhand.engine import preferences
from rackhand.engine.access import Role
from rackhand.engine.preferences import PREFERENCES, Preferences
from rackhand.server.contract import Request, Response, actor_of, answer, operation, read_body
from rackhand.server.room import Room


@get(
    "/api/settings",
    **operation("Policy defaults, retention, and limits of devices", role=Role.VIEWER, answers={200: Preferences}),
)
async def read(room: Room) -> Response:
    return answer(await room.db.read(preferences.read))


@put(
    "/api/settings",
    **operation(
        "Replace the policy defaults, the retention, the limits of devices, or several of them",
        role=Role.ADMIN,
        body=PREFERENCES,
        answers={200: Preferences},
    ),
)
async def change(request: Request, room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(preferences.change, actor_of(request), body))


handlers: list[Any] = [read, change]
