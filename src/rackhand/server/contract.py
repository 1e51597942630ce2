"""How an operation is declared, read and answered: its body, query, answers, errors, and who may call it.

    @post("/api/nodes", **operation("Enrol a node", role=Role.ADMIN, body=BODY, answers={201: Enrolled}, errors=(409,)))
    async def enrol(request: Request, room: Room) -> Response:
        body = await read_body(request)
        return answer(await room.db.write(nodes.enrol, actor_of(request), body), 201)

Authentication (auth.py), path checks, Idempotency-Key and the OpenAPI document follow from the declaration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
from litestar import Request as LitestarRequest
from litestar import Response as LitestarResponse

from rackhand.core.errors import FieldError, Invalid, Malformed
from rackhand.core.schema import Boolean, Field, Integer, ListOf, Number, Record, Spec, Text
from rackhand.engine.access import Actor, Role
from rackhand.server import idempotency
from rackhand.server.errors import UNSUPPORTED_MEDIA_TYPE
from rackhand.server.render import to_json

Request = LitestarRequest[Any, Any, Any]
Response = LitestarResponse[Any]


class Audience(StrEnum):
    """Callers that are no operators."""

    PUBLIC = "public"
    NODE = "node"


PUBLIC, NODE = Audience.PUBLIC, Audience.NODE

PAGE: dict[str, Spec | Field] = {"limit": Field(Integer(1, 500), 50), "cursor": Field(Text(1, 500), None)}
"""Query parameters of every list."""


@dataclass(frozen=True, slots=True)
class Content:
    """An answer or a body that is not JSON: its media types."""

    media_types: tuple[str, ...] = ("application/octet-stream",)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route takes and answers. `answers` maps a status to a view type (a tuple: either
    of them), a Content, or None for no body."""

    summary: str
    role: Role | Audience
    answers: Mapping[int, Any]
    errors: tuple[int, ...] = ()
    body: Spec | Content | None = None
    query: Mapping[str, Spec | Field] = field(default_factory=dict)
    path: Mapping[str, Spec] = field(default_factory=dict)
    is_idempotent: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    is_body_optional: bool = False
    is_page: bool = False


def operation(
    summary: str = "",
    *,
    role: Role | Audience,
    answers: Mapping[int, Any],
    errors: tuple[int, ...] = (),
    body: Spec | Content | None = None,
    query: Mapping[str, Spec | Field] | None = None,
    path: Mapping[str, Spec] | None = None,
    idempotent: bool = False,
    headers: Mapping[str, str] | None = None,
    body_optional: bool = False,
    page: bool = False,
) -> dict[str, Any]:
    """Arguments for a Litestar route decorator. Implied and not to be listed: 400, 401, 403, 404 with path parameters,
    413 and 415 with a body, 422 with a body or a query, 426 for nodes, 503. `idempotent`: honours Idempotency-Key.
    `path` checks path parameters (a value that does not fit is 404); others are any text of 1..200 characters.
    `headers` documents request headers (name -> description). `page`: for browsers, not in the OpenAPI document."""
    declared = Operation(
        summary, role, answers, errors, body, query or {}, path or {}, idempotent, headers or {}, body_optional, page
    )
    arguments: dict[str, Any] = {"opt": {"operation": declared}, "status_code": 200, "summary": summary}
    if idempotent:
        arguments |= {"before_request": idempotency.claim, "after_request": idempotency.keep}
    if body == Content():
        arguments["request_max_body_size"] = None  # streamed: the blob store counts
    return arguments


def operation_of(request: Any) -> Operation:
    """The declaration of the route that a request reached."""
    declared: Operation = request.route_handler.opt["operation"]
    return declared


def actor_of(request: Request) -> Actor:
    """Who sent the request; set by the guard before any handler runs."""
    actor: Actor = request.scope["state"]["actor"]
    return actor


async def read_body(request: Request, spec: Spec | None = None) -> Any:
    """The checked JSON body with its defaults; Malformed (400, 415) or Invalid (422, every error at once).

    `spec` defaults to the declared body. An empty body is `{}` where the declaration says `body_optional`.
    """
    declared = operation_of(request)
    value = await read_json(request, is_optional=declared.is_body_optional)
    used = spec or declared.body
    if used is None or isinstance(used, Content):
        return value
    errors: list[FieldError] = []
    parsed = used.check(value, "", errors)
    if errors:
        raise Invalid(errors)
    return parsed


async def read_json(request: Request, *, is_optional: bool = False) -> Any:
    """The decoded JSON body, unchecked; an empty one is `{}` if optional."""
    raw = await request.body()
    if not raw and is_optional:
        return {}
    require_type(request, "application/json")
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError as error:
        raise Malformed("the body is not UTF-8; nothing was changed: send JSON in UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(
            "the body is not JSON ({reason}); nothing was changed: send valid JSON", reason=str(error)
        ) from error


def require_type(request: Request, *media_types: str) -> None:
    """Malformed (415) unless the body's content type is one of `media_types` or is not given."""
    given = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    if given and given not in media_types and not ("application/json" in media_types and given.endswith("+json")):
        raise Malformed(
            "the content type {given!r} is not taken here; nothing was changed: send {media_types}",
            given=given[:80],
            media_types=" or ".join(media_types),
            code=UNSUPPORTED_MEDIA_TYPE,
        )


def read_query(request: Request) -> dict[str, Any]:
    """The checked query parameters with their defaults; Invalid names them as `/query/<name>`."""
    specs = operation_of(request).query
    given: dict[str, Any] = {}
    for name in request.query_params:
        values = request.query_params.getall(name)
        given[name] = _from_text(specs.get(name), values)
    errors: list[FieldError] = []
    parsed: dict[str, Any] = Record(specs).check(given, "/query", errors)
    if errors:
        raise Invalid(errors)
    return parsed


def _from_text(entry: Spec | Field | None, values: list[str]) -> Any:
    spec = entry.spec if isinstance(entry, Field) else entry
    if isinstance(spec, ListOf):
        return [_from_text(spec.item, [value]) for value in values]
    text = values[0] if len(values) == 1 else values
    if isinstance(text, list):
        return text
    if isinstance(spec, Integer) and text.removeprefix("-").isascii() and text.removeprefix("-").isdigit():
        return int(text) if len(text) < 20 else text
    if isinstance(spec, Number):
        return _number(text)
    if isinstance(spec, Boolean):
        return {"true": True, "false": False}.get(text, text)
    return text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def answer(view: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer; `view` may be a dataclass view or JSON bytes that are ready."""
    body = view if isinstance(view, bytes) else to_json(view)
    return LitestarResponse(body, status_code=status, media_type="application/json", headers=dict(headers or {}))


def answer_empty(status: int = 204, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    return LitestarResponse(b"", status_code=status, media_type="text/plain", headers=dict(headers or {}))
