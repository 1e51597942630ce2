"""The one handler that turns every error into problem+json (RFC 9457). Each class has its status here.

A browser gets the texts in the language of its page. Whoever sends a credential of its own is a program and gets
English, which can be searched for in logs.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, InternalServerException

from rackhand.core import errors
from rackhand.core.message import Message
from rackhand.server.web.language import locale_of, localised

PROBLEM_TYPE = "application/problem+json"
UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
"""Code of a Malformed whose body has the wrong content type: answered with 415."""

_log = structlog.get_logger("rackhand.server")
_STATUS: dict[type[errors.RackhandError], int] = {
    errors.Malformed: 400,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.UpgradeRequired: 426,
    errors.TooMany: 429,
    errors.Refused: 400,
    errors.Busy: 503,
}
_CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 421: "misdirected"}
_TITLES = {
    400: Message("Bad Request"),
    401: Message("Unauthorized"),
    403: Message("Forbidden"),
    404: Message("Not Found"),
    405: Message("Method Not Allowed"),
    409: Message("Conflict"),
    413: Message("Request Entity Too Large"),
    415: Message("Unsupported Media Type"),
    421: Message("Misdirected Request"),
    422: Message("Unprocessable Entity"),
    426: Message("Upgrade Required"),
    429: Message("Too Many Requests"),
    500: Message("Internal Server Error"),
    503: Message("Service Unavailable"),
}
MISDIRECTED = Message(
    "this server does not answer to that Host name; nothing was changed: add it to RACKHAND_ALLOWED_HOSTS"
)
_DETAILS = {
    404: Message("there is nothing at this path; see /api/openapi.json"),
    405: Message("this path does not know the method; nothing was changed"),
    413: Message("the body is larger than this path takes; nothing was changed: send less"),
    500: Message("the server failed at this request; its log has the reason under the X-Request-Id of this answer"),
}
"""Of errors that are none of ours."""
_OWN_CREDENTIALS = ("authorization", "x-node-auth")

Connection = ASGIConnection[Any, Any, Any, Any]


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for what nobody raised on purpose."""
    if isinstance(error, errors.Malformed) and error.code == UNSUPPORTED_MEDIA_TYPE:
        return 415
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return error.status_code if isinstance(error, HTTPException) else 500


def language_of(request: Connection) -> str:
    """The language of an answer's texts: that of the page, English for programs."""
    is_program = any(name in request.headers for name in _OWN_CREDENTIALS)
    return "en" if is_program else locale_of(request)


def problem(
    request: Connection, status: int, code: str, detail: str, field_errors: Iterable[errors.FieldError] = ()
) -> dict[str, Any]:
    """The body of an error answer, in the language of the request."""
    locale = language_of(request)
    body: dict[str, Any] = {
        "type": f"urn:rackhand:{code}",
        "title": localised(locale, _TITLES.get(status) or HTTPStatus(status).phrase),
        "status": status,
        "detail": localised(locale, detail),
        "instance": request.scope.get("path", ""),
    }
    listed = [{"path": error.path, "message": localised(locale, error.message)} for error in field_errors]
    return body | ({"errors": listed} if listed else {})


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    status, path = status_of(error), request.scope.get("path", "")
    if isinstance(error, InternalServerException) and "disconnected" in error.detail:
        _log.info("the client went away", path=path, method=request.scope.get("method"))
    elif status == 500:
        _log.error("request failed", path=path, method=request.scope.get("method"), exc_info=error)
    field_errors = error.errors if isinstance(error, errors.Invalid) else ()
    body = problem(request, status, _code(error, status), _detail(error, status), field_errors)
    return Response(msgspec.json.encode(body), status_code=status, media_type=PROBLEM_TYPE, headers=_headers(error))


def _code(error: Exception, status: int) -> str:
    if isinstance(error, errors.RackhandError) and status != 500:
        return error.code
    return _CODES.get(status, "internal" if status == 500 else "refused")


def _detail(error: Exception, status: int) -> str:
    if isinstance(error, errors.RackhandError) and status != 500:
        return error.detail
    return _DETAILS.get(status) or str(getattr(error, "detail", "") or HTTPStatus(status).phrase)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, errors.NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.Busy | errors.TooMany):
        return {"Retry-After": str(error.retry_after_s)}
    given: Mapping[str, str] | None = getattr(error, "headers", None)
    return dict(given or {})
