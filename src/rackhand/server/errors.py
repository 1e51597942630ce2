"""The one handler that turns every error into problem+json (RFC 9457). Each class has its status here."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException

from rackhand.core import errors

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
    errors.Refused: 400,
    errors.Busy: 503,
}
_CODES = {400: "malformed", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 421: "misdirected"}


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for what nobody raised on purpose."""
    if isinstance(error, errors.Malformed) and error.code == UNSUPPORTED_MEDIA_TYPE:
        return 415
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return error.status_code if isinstance(error, HTTPException) else 500


def problem(
    status: int, code: str, detail: str, instance: str, field_errors: Iterable[errors.FieldError] = ()
) -> dict[str, Any]:
    """The body of an error answer."""
    body: dict[str, Any] = {
        "type": f"urn:rackhand:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    listed = [{"path": error.path, "message": error.message} for error in field_errors]
    return body | ({"errors": listed} if listed else {})


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    status, path = status_of(error), request.scope.get("path", "")
    if isinstance(error, InternalServerException) and "disconnected" in error.detail:
        _log.info("the client went away", path=path, method=request.scope.get("method"))
    elif status == 500:
        _log.error("request failed", path=path, method=request.scope.get("method"), exc_info=error)
    field_errors = error.errors if isinstance(error, errors.Invalid) else ()
    body = problem(status, _code(error, status), _detail(error, status), path, field_errors)
    return Response(msgspec.json.encode(body), status_code=status, media_type=PROBLEM_TYPE, headers=_headers(error))


def _code(error: Exception, status: int) -> str:
    if isinstance(error, errors.RackhandError) and status != 500:
        return error.code
    return _CODES.get(status, "internal" if status == 500 else "refused")


def _detail(error: Exception, status: int) -> str:
    if status == 500:
        return "the server failed at this request; its log has the reason under the X-Request-Id of this answer"
    if isinstance(error, errors.RackhandError):
        return error.detail
    if status == 405:
        return "this path does not know the method; nothing was changed"
    if status == 404:
        return "there is nothing at this path; see /api/openapi.json"
    if status == 413:
        return "the body is larger than this path takes; nothing was changed: send less"
    return str(getattr(error, "detail", "") or HTTPStatus(status).phrase)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, errors.NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, errors.Busy):
        return {"Retry-After": str(error.retry_after_s)}
    given: Mapping[str, str] | None = getattr(error, "headers", None)
    return dict(given or {})
