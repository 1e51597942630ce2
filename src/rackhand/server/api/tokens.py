"""Routes of API tokens. Their answers carry secrets, so no Idempotency-Key is honoured here."""

from typing import Any

from litestar import delete, get, post
from litestar.params import FromPath

from rackhand.core.schema import Choice, Field, Integer, Record, Text
from rackhand.engine import tokens
from rackhand.engine.access import Role, Scope
from rackhand.engine.tokens import IssuedToken, TokenList
from rackhand.server.contract import Request, Response, actor_of, answer, answer_empty, operation, read_body
from rackhand.server.room import Room

_TEN_YEARS_S = 315_360_000
TOKEN = Record(
    {
        "name": Text(1, 200),
        "role": Choice(tuple(Role)),
        "scope": Field(Choice(tuple(Scope)), Scope.FULL.value),
        "expires_in_s": Field(Integer(1, _TEN_YEARS_S), None),
    }
)


@get("/api/tokens", **operation("API tokens", role=Role.ADMIN, answers={200: TokenList}))
async def list_tokens(room: Room) -> Response:
    return answer(await room.db.read(tokens.list_tokens))


@post(
    "/api/tokens",
    **operation("Make an API token; it is shown this once", role=Role.ADMIN, body=TOKEN, answers={201: IssuedToken}),
)
async def issue_token(request: Request, room: Room) -> Response:
    body = await read_body(request)
    issued = await room.db.write(tokens.issue_token, actor_of(request), body)
    return answer(issued, 201, {"Cache-Control": "no-store"})


@delete("/api/tokens/{token_id:str}", **operation("Revoke a token", role=Role.ADMIN, answers={204: None}))
async def revoke_token(request: Request, room: Room, token_id: FromPath[str]) -> Response:
    await room.db.write(tokens.revoke_token, actor_of(request), token_id)
    return answer_empty()


handlers: list[Any] = [list_tokens, issue_token, revoke_token]
