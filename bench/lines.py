"""Keep-alive HTTP/1.1 connections for load, as cheap as Python allows: bytes in, bytes out, one request at a time.

Belongs here: sending and receiving. What is said is in bench/light_agents.py. Not a client for anything but load: it
knows answers with a Content-Length only, which is all that the server gives on the routes that are measured.
"""

import asyncio
import json
import re
from collections.abc import Coroutine
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import uvloop

T = TypeVar("T")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ADMIN_PATIENCE_S = 120.0


class Line(asyncio.Protocol):
    """One connection with one credential: `status, body = await line.send(line.encode("GET", "/healthz"))`."""

    def __init__(self, host: str, credential: str) -> None:
        self._head = f" HTTP/1.1\r\nHost: {host}\r\n{credential}\r\n".encode()
        self._got = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._end(ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._got = self._got + data if self._got else data
        head, mark, body = self._got.partition(b"\r\n\r\n")
        if not mark:
            return
        found = _LENGTH.search(head)
        if len(body) < (int(found[1]) if found else 0):
            return
        self._got = b""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((int(head[9:12]), body))

    def encode(self, method: str, path: str, body: bytes = b"") -> bytes:
        """A whole request, to be sent as often as wanted."""
        kind = b"Content-Type: application/json\r\n" if body else b""
        return b"%s %s%s%sContent-Length: %d\r\n\r\n%s" % (
            method.encode(),
            path.encode(),
            self._head,
            kind,
            len(body),
            body,
        )

    async def send(self, raw: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; ConnectionResetError if the server goes away."""
        if self._transport is None or self._is_lost:
            raise ConnectionResetError("not connected")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return await self._waiting

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """JSON in, JSON out; AssertionError for any answer but 2xx."""
        raw = b"" if body is None else json.dumps(body).encode()
        status, answer = await asyncio.wait_for(self.send(self.encode(method, path, raw)), ADMIN_PATIENCE_S)
        assert status < 300, (method, path, status, answer[:500])
        return json.loads(answer) if answer else None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _end(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


async def connect(url: str, token: str) -> Line:
    """An open connection that sends this bearer token."""
    place = urlsplit(url)
    loop = asyncio.get_running_loop()
    make = lambda: Line(place.netloc, f"Authorization: Bearer {token}")  # noqa: E731
    _, line = await loop.create_connection(make, place.hostname or "", place.port or 80)
    return line


class Loop:
    """An event loop that lives as long as the script, so that connections outlast a round: `loop.run(coroutine)`."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)
