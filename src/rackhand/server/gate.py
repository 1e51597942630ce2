"""What happens to every request before and after routing: request id, Host check, security headers, one log line."""

import re
import time
import uuid
from collections.abc import Iterable

import msgspec
import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from rackhand.server import logs
from rackhand.server.errors import MISDIRECTED, PROBLEM_TYPE, Connection, problem
from rackhand.server.metrics import Metrics

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), usb=()"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""Over https only: a browser then never asks this host in the clear again."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger("rackhand.http")


class Gate:
    """ASGI wrapper around the whole application."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str], metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._hosts = LOOPBACK_HOSTS | set(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http",):
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started, status = time.monotonic(), 0
        token = structlog.contextvars.bind_contextvars(request_id=request_id)

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _marked(message["headers"], request_id, is_https=scope["scheme"] == "https")
            await send(message)

        try:
            if self._is_known(_header(scope, b"host")):
                await self._app(scope, receive, send_marked)
            else:
                await _misdirected(scope, send_marked)
        finally:
            self._note(scope, status, time.monotonic() - started)
            structlog.contextvars.reset_contextvars(**token)
            logs.unbind()

    def _is_known(self, host: bytes) -> bool:
        name = host.decode("latin-1").lower()
        return re.sub(r":\d*$", "", name) in self._hosts

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        handler = scope.get("route_handler")
        route = scope.get("path_template") or ("-" if handler is None else scope["path"])
        given = str(scope.get("method", ""))
        method = given if given in _METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.durations.labels(route).observe(seconds)
        _log.info("request", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 1))


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _request_id(scope: Scope) -> str:
    given = _header(scope, b"x-request-id")
    return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _marked(headers: Iterable[tuple[bytes, bytes]], request_id: str, *, is_https: bool) -> list[tuple[bytes, bytes]]:
    present = list(headers)
    known = {name.lower() for name, _ in present}
    wanted = (*SECURITY_HEADERS, HSTS) if is_https else SECURITY_HEADERS
    present.extend(pair for pair in wanted if pair[0] not in known)
    return [*present, (b"x-request-id", request_id.encode("ascii"))]


async def _misdirected(scope: Scope, send: Send) -> None:
    scope.setdefault("state", {})  # the application, which makes it, is not reached
    body = msgspec.json.encode(problem(Connection(scope), 421, "misdirected", MISDIRECTED))
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
