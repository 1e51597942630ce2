"""The OpenAPI 3.1 document, drawn from the declared operations of all routes. Nothing is written by hand per route."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler
from litestar.routes import BaseRoute, HTTPRoute

import rackhand
from rackhand.core.schema import REQUIRED, Boolean, Field, Integer, Spec, Text
from rackhand.server.auth import MAX_INDEX
from rackhand.server.contract import NODE, PUBLIC, Content, Operation
from rackhand.server.errors import PROBLEM_TYPE
from rackhand.server.render import schemas_of

_REF = "#/components/schemas/{name}"
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:rackhand:[a-z_]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes repeating safe for 24 h: the first answer is given again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The whole document; routes without a declaration are left out (the guard keeps them closed)."""
    found = list(_operations(routes))
    types = [view for *_, declared in found for answer in declared.answers.values() for view in _views(answer)]
    shapes, components = schemas_of(types, _REF)
    schema_of = {id(view): shape for view, shape in zip(types, shapes, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route, method, name, declared in found:
        paths.setdefault(route.path_format, {})[method.lower()] = _draw(route, name, declared, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Rackhand", "version": rackhand.__version__},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components | {"Problem": _PROBLEM},
            "securitySchemes": {
                "operator": {"type": "http", "scheme": "bearer", "description": "API token"},
                "node": {"type": "http", "scheme": "bearer", "description": "node token"},
                "nodeHeader": {"type": "apiKey", "in": "header", "name": "X-Node-Auth"},
            },
        },
    }


def _operations(routes: Iterable[BaseRoute]) -> Iterator[tuple[HTTPRoute, str, str, Operation]]:
    for route in routes:
        if not isinstance(route, HTTPRoute):
            continue
        for method, (handler, _) in route.route_handler_map.items():
            declared = handler.opt.get("operation")
            if declared is not None and not declared.is_page and method != "HEAD":
                yield route, str(method), _name(handler), declared


def _name(handler: HTTPRouteHandler) -> str:
    return handler.handler_name.rsplit(".", 1)[-1]


def _views(answer: Any) -> tuple[Any, ...]:
    """The view types of an answer: one, several for either of them, none for no JSON."""
    if answer is None or isinstance(answer, Content):
        return ()
    return answer if isinstance(answer, tuple) else (answer,)


def _draw(route: HTTPRoute, name: str, declared: Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    tag = route.path_format.removeprefix("/api").strip("/").split("/")[0]
    drawn: dict[str, Any] = {
        "operationId": f"{tag}_{name}".replace("-", "_").replace(".", "_"),
        "summary": declared.summary,
        "tags": [tag],
        "parameters": [*_path_parameters(route, declared), *_query_parameters(declared), *_header_parameters(declared)],
        "responses": {str(status): _response(status, view, schema_of) for status, view in declared.answers.items()}
        | {str(status): _problem_response(status) for status in sorted(error_statuses(declared, route))},
        "security": _security(declared),
    }
    if declared.body is not None:
        drawn["requestBody"] = _body(declared)
    return drawn


def error_statuses(declared: Operation, route: HTTPRoute) -> set[int]:
    """Every error status that the operation can answer with: the declared and the implied ones."""
    statuses = {400, 421, 503, *declared.errors}
    if declared.role is not PUBLIC:
        statuses |= {401, 403}
    if declared.role is NODE:
        statuses.add(426)
    if route.path_parameters:
        statuses.add(404)
    if declared.body is not None:
        statuses |= {413, 415, 422}
    if declared.query:
        statuses.add(422)
    if declared.is_idempotent:
        statuses |= {409, 422}
    return statuses - set(declared.answers)


def _security(declared: Operation) -> list[dict[str, list[str]]]:
    if declared.role is PUBLIC:
        return []
    return [{"node": []}, {"nodeHeader": []}] if declared.role is NODE else [{"operator": []}]


def _response(status: int, view: Any, schema_of: dict[int, Any]) -> dict[str, Any]:
    drawn: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if isinstance(view, Content):
        drawn["content"] = {media_type: {} for media_type in view.media_types}
    elif view is not None:
        shapes = [schema_of[id(each)] for each in _views(view)]
        drawn["content"] = {"application/json": {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}}
    return drawn


def _problem_response(status: int) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def _body(declared: Operation) -> dict[str, Any]:
    required = not declared.is_body_optional
    if isinstance(declared.body, Content):
        return {"required": required, "content": {media_type: {} for media_type in declared.body.media_types}}
    assert declared.body is not None
    return {"required": required, "content": {"application/json": {"schema": declared.body.json_schema()}}}


def _path_parameters(route: HTTPRoute, declared: Operation) -> list[dict[str, Any]]:
    drawn = []
    for name, parameter in route.path_parameters.items():
        default: Spec = Integer(0, MAX_INDEX) if parameter.type is int else Text(1, 200)
        schema = declared.path.get(name, default).json_schema()
        drawn.append({"name": name, "in": "path", "required": True, "schema": schema})
    return drawn


def _query_parameters(declared: Operation) -> list[dict[str, Any]]:
    drawn = []
    for name, entry in declared.query.items():
        spec = entry.spec if isinstance(entry, Field) else entry
        schema = spec.json_schema()
        if isinstance(spec, Boolean):
            schema = {"type": "string", "enum": ["true", "false"]}
        is_required = not isinstance(entry, Field) or entry.default is REQUIRED
        drawn.append({"name": name, "in": "query", "required": is_required, "schema": schema})
    return drawn


def _header_parameters(declared: Operation) -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in declared.headers.items()
    ]
    return [*drawn, _IDEMPOTENCY_KEY] if declared.is_idempotent else drawn
