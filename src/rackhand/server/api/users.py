"""Routes of people: list, make, change, one's own password.

No Idempotency-Key is honoured here: it would keep a fast hash of a body with a password. A name can be taken only once,
so that sending a request again makes nobody twice.
"""

from typing import Any

from litestar import get, patch, post
from litestar.params import FromPath

from rackhand.engine import accounts
from rackhand.engine.access import Role
from rackhand.engine.accounts import OWN_PASSWORD, USER, USER_CHANGE, UserList, UserView
from rackhand.engine.sessions import Session
from rackhand.server import logins
from rackhand.server.contract import Request, Response, actor_of, answer, answer_empty, operation, read_body
from rackhand.server.room import Parts, Room


@get("/api/users", **operation("Everybody by name", role=Role.ADMIN, answers={200: UserList}))
async def list_users(room: Room) -> Response:
    return answer(await room.db.read(accounts.list_users))


@post(
    "/api/users",
    **operation("Make a person", role=Role.ADMIN, body=USER, answers={201: UserView}, errors=(409,)),
)
async def create_user(request: Request, room: Room) -> Response:
    return answer(await create(request, room, await read_body(request)), 201)


@patch(
    "/api/users/{user_id:str}",
    **operation(
        "Change a person's role, deactivate one, set a password",
        role=Role.ADMIN,
        body=USER_CHANGE,
        answers={200: UserView},
        errors=(409,),
    ),
)
async def change_user(request: Request, room: Room, user_id: FromPath[str]) -> Response:
    return answer(await change(request, room, user_id, await read_body(request)))


@post(
    "/api/users/me/password",
    **operation(
        "Set one's own password; ends one's other sessions",
        role=Role.VIEWER,
        body=OWN_PASSWORD,
        answers={204: None},
        errors=(409, 429),
    ),
)
async def set_own_password(request: Request, room: Room) -> Response:
    await logins.set_own_password(request, room, await read_body(request))
    return answer_empty()


async def create(request: Request, room: Parts, body: dict[str, Any]) -> UserView:
    """Make a person of a checked body."""
    password_hash = await logins.hashed(body["password"])
    return await room.db.write(accounts.create_user, actor_of(request), body["name"], body["role"], password_hash)


async def change(request: Request, room: Parts, user_id: str, body: dict[str, Any]) -> UserView:
    """Change a person by a checked body; the session of the request stays, whoever's password it is."""
    password_hash = None if body["password"] is None else await logins.hashed(body["password"])
    session: Session | None = request.scope["state"].get("session")
    own = None if session is None else session.id_hash
    return await room.db.write(accounts.change_user, actor_of(request), user_id, body, password_hash, own)


handlers: list[Any] = [list_users, create_user, change_user, set_own_password]
