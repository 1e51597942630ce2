"""Live steering of a fleet by HTTP and JSON on loopback, for other processes (demo, browser tests, people).

Belongs here: a few routes over `Fleet`. Must not: anything reachable from elsewhere than this machine.

    GET    /devices                        [{serial, handle, index, faults, boot_id}]
    GET    /faults                         the table of faults
    POST   /devices/{serial}/faults        {"name": "mute", "params": {}}
    DELETE /devices/{serial}/faults[/name] one, or all
    GET    /devices/{serial}/journal[?since=SEQ]
    POST   /scenario/start                 the run begins
    POST|DELETE /server/faults             {"name": "wedge", "node": 0} (front server)
"""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from rackhand.sim.faults import FAULTS, UnknownFault
from rackhand.sim.fleet import Fleet

HOST = "127.0.0.1"
MAX_BODY = 64 * 1024
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large", 422: "Unprocessable Content"}


class Answer(Exception):
    """Ends a request with a status and a JSON body."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `parts` is the path without slashes."""

    method: str
    parts: tuple[str, ...]
    query: dict[str, list[str]]
    body: dict[str, object]


class Control:
    """The control port of one fleet; `port` is known after `start`."""

    def __init__(self, fleet: Fleet, port: int = 0) -> None:
        self._fleet = fleet
        self.port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(10):
                status, body = await self._respond(reader)
                data = json.dumps(body).encode()
                head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader) -> tuple[int, object]:
        try:
            return 200, await self._route(await read_request(reader))
        except Answer as answer:
            return answer.status, {"error": str(answer)}

    async def _route(self, request: Request) -> object:
        match request.method, request.parts:
            case "GET", ("devices",):
                return self._devices()
            case "GET", ("faults",):
                return [{"name": k.name, "help": k.help, "params": k.params} for k in FAULTS.values()]
            case "GET", ("devices", serial, "journal"):
                return self._journal(serial, request)
            case "POST", ("devices", serial, "faults"):
                return self._set(serial, request.body)
            case "DELETE", ("devices", serial, "faults", *names):
                return self._clear(serial, names)
            case "POST", ("scenario", "start"):
                self._fleet.apply_scenario_start()
                return {"started": True}
            case (("POST" | "DELETE"), ("server", "faults")):
                return await self._server_fault(request)
        raise Answer(404, f"no route {request.method} /{'/'.join(request.parts)}")

    def _devices(self) -> object:
        return [
            {
                "serial": device.serial,
                "handle": self._fleet.handle(device.index),
                "index": device.index,
                "faults": device.faults.active(),
                "boot_id": device.boot_id,
            }
            for device in self._fleet.devices
        ]

    def _check(self, serial: str) -> None:
        if all(device.serial != serial for device in self._fleet.devices):
            raise Answer(404, f"no simulated device {serial!r}")

    def _journal(self, serial: str, request: Request) -> object:
        self._check(serial)
        since = request.query.get("since", ["0"])[0]
        if not since.isdigit():
            raise Answer(422, f"since must be a number, not {since!r}")
        return [e.to_json() for e in self._fleet.device(serial).journal.entries if e.seq > int(since)]

    def _set(self, serial: str, body: dict[str, object]) -> object:
        self._check(serial)
        name, params = body.get("name"), body.get("params", {})
        if not isinstance(name, str) or not isinstance(params, dict):
            raise Answer(422, "the body needs name (text) and may have params (object)")
        try:
            self._fleet.fault(serial, name, **params)
        except UnknownFault as error:
            raise Answer(422, str(error)) from error
        return self._fleet.device(serial).faults.active()

    def _clear(self, serial: str, names: list[str]) -> object:
        self._check(serial)
        self._fleet.clear(serial, names[0] if names else None)
        return self._fleet.device(serial).faults.active()

    async def _server_fault(self, request: Request) -> object:
        node, name = request.body.get("node", 0), request.body.get("name")
        if not isinstance(node, int) or not 0 <= node < len(self._fleet.servers):
            raise Answer(422, f"no simulated adb server {node!r}")
        try:
            await self._fleet.servers[node].set_fault(str(name), request.method == "POST")
        except (ValueError, OSError) as error:
            raise Answer(422, str(error)) from error
        return sorted(self._fleet.servers[node].faults)


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Read one request; Answer says what is wrong with it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.LimitOverrunError as error:
        raise Answer(413, "the head is too large") from error
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise Answer(400, "this is not HTTP")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("host", "").rsplit(":", 1)[0] not in ("127.0.0.1", "localhost"):
        raise Answer(400, "only for this machine: Host must be 127.0.0.1 or localhost")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        raise Answer(413, f"the body must be at most {MAX_BODY} bytes")
    url = urlsplit(words[1])
    parts = tuple(unquote(part) for part in url.path.split("/") if part)
    return Request(words[0], parts, parse_qs(url.query), parse_body(await reader.readexactly(int(length))))


def parse_body(data: bytes) -> dict[str, object]:
    """A JSON object, or nothing."""
    if not data:
        return {}
    try:
        body = json.loads(data)
    except ValueError as error:
        raise Answer(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Answer(422, "the body must be a JSON object")
    return body
