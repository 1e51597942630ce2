"""A small client of the HTTP API for commands: a method a verb, problem+json as errors, no hidden retries."""

import json
import os
from collections.abc import Iterator, Mapping
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import BaseHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from rackhand.cli.outcome import Unreachable
from rackhand.core.errors import (
    Busy,
    Conflict,
    FieldError,
    Invalid,
    Malformed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RackhandError,
    TooLarge,
    UpgradeRequired,
)

if TYPE_CHECKING:
    from ssl import SSLContext

_ERRORS: dict[int, type[RackhandError]] = {
    400: Malformed,
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: Malformed,
    426: UpgradeRequired,
    503: Busy,
}

NOT_MODIFIED = 304


class Client:
    """Calls one server with one token. Not modified (304) is None. Every call has a deadline of `timeout_s`."""

    def __init__(self, server: str, token: str, timeout_s: float = 30) -> None:
        if urlsplit(server).scheme not in ("http", "https"):
            raise ValueError(f"--server must be an http or https URL, not {server!r}")
        self.server = server.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        is_local = urlsplit(server).hostname in ("127.0.0.1", "localhost", "::1")
        handlers: list[BaseHandler] = [ProxyHandler({})] if is_local else []  # no proxy leads back here
        if server.startswith("https://"):
            handlers.append(HTTPSHandler(context=tls_context()))
        self._opener = build_opener(*handlers)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._json("GET", path, query=query)

    def post(self, path: str, body: Any = None) -> Any:
        return self._json("POST", path, body={} if body is None else body)

    def put(self, path: str, body: Any) -> Any:
        return self._json("PUT", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        return self._json("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        self.send("DELETE", path)

    def upload(self, file: Path) -> str:
        """The sha256 of a file that the server has now."""
        answer = self.send("POST", "/api/files", {"name": file.name}, file.read_bytes(), "application/octet-stream")
        return str(json.loads(answer)["sha256"])

    def items(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """All items of a cursor-paged list."""
        cursor: str | None = None
        while True:
            page = self.get(path, {**(query or {}), **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def _json(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        answer = self.send(method, path, query, raw, "application/json")
        return json.loads(answer) if answer else None

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        content_type: str | None = None,
    ) -> bytes:
        """The raw body of the answer; an error answer raises the class of its status."""
        asked = {key: value for key, value in (query or {}).items() if value is not None}
        url = self.server + path + (f"?{urlencode(asked)}" if asked else "")
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers["X-Rackhand-Client"] = "cli"
        if body is not None and content_type:
            headers["Content-Type"] = content_type
        return self._exchange(Request(url, data=body, headers=headers, method=method))[0]  # noqa: S310 - checked above

    def header(self, path: str, name: str) -> str:
        """A header of the answer to a GET; empty if it is not there."""
        return self._exchange(Request(self.server + path))[1].get(name, "")  # noqa: S310 - checked above

    def _exchange(self, request: Request) -> tuple[bytes, Message]:
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return bytes(answer.read()), answer.headers
        except HTTPError as error:
            with error:
                if error.code == NOT_MODIFIED:
                    return b"", error.headers
                raise _problem(error.code, error.read()) from None
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(
                "{server} does not answer ({reason}): is `rackhand serve` running there?",
                server=self.server,
                reason=reason,
            ) from error


def tls_context() -> "SSLContext":
    """Verifies the server against the system's authorities, or those in the file RACKHAND_CA_FILE alone."""
    import ssl

    path = os.environ.get("RACKHAND_CA_FILE") or None
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"RACKHAND_CA_FILE {path} cannot be used: {error}; nothing was sent") from error


def _problem(status: int, body: bytes) -> RackhandError:
    """The error of an answer, with the server's own code."""
    try:
        problem = json.loads(body)
        detail, code = str(problem["detail"]), str(problem["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        problem, detail, code = {}, f"the server answered {status}", ""
    error = _error(status, detail, problem)
    error.code = code or error.code
    return error


def _error(status: int, detail: str, problem: Mapping[str, Any]) -> RackhandError:
    if status == 422:
        return Invalid(
            [FieldError(e["path"], "{m}", {"m": e["message"]}) for e in problem.get("errors", [])],
            "{detail}",
            detail=detail,
        )
    if status == 401:
        detail += " (set RACKHAND_TOKEN or --token)"
    return _ERRORS.get(status, RackhandError)("{detail}", detail=detail)
