"""The way between one node and the servers, and everything that can be wrong with it. It is also the load balancer.

Belongs here: passing requests on, losing, holding, doubling and reordering them. Every answer of a server is noted in
the ledger, whether or not it reaches the node.
"""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
from aiohttp import web
from tests.e2e.chaos.ledger import Ledger

CALLBACK = "/api/nodes/callback"
KEPT = 40
LATENCY_S = 0.5
_PASSED_ON = ("Authorization", "Content-Type", "Content-Digest", "X-Rackhand-Protocol")
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it goes to a server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Line:
    """The line of one node. `faults` is switched from outside; `kept` are the last callbacks, for a replay."""

    node: str
    upstreams: list[str]
    ledger: Ledger
    chance: Random
    session: aiohttp.ClientSession
    faults: set[str] = field(default_factory=set)
    kept: deque[Sent] = field(default_factory=lambda: deque(maxlen=KEPT))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        sent = Sent(request.method, request.path_qs, headers, await request.read())
        answer = await self._carry(sent)
        if answer is None or "lost_answers" in self.faults or "black_hole" in self.faults:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        await self._delay()
        return web.Response(status=answer[0], body=answer[1], headers={"Content-Type": answer[2]})

    async def _carry(self, sent: Sent) -> tuple[int, bytes, str] | None:
        """The answer, or None if the request or its answer got lost."""
        if "reset" in self.faults:
            return None
        await self._delay()
        was_lost = False
        while self.faults & {"black_hole", "late_packets"}:
            was_lost = was_lost or "black_hole" in self.faults
            await asyncio.sleep(_LOOK_S)
        if was_lost:
            return None
        if sent.method == "PUT" and "mangled_uploads" in self.faults and sent.body:
            sent = Sent(sent.method, sent.path, sent.headers, bytes([sent.body[0] ^ 1]) + sent.body[1:])
        if sent.path != CALLBACK:
            return await self._ask(sent)
        return await self._call_back(sent)

    async def _delay(self) -> None:
        if "latency" in self.faults:
            await asyncio.sleep(LATENCY_S)

    async def _call_back(self, sent: Sent) -> tuple[int, bytes, str] | None:
        told = json.loads(sent.body)
        if "events" not in told:
            answer = await self._ask(sent)
            if answer is not None and answer[0] == 200 and told.get("type") == "device_heartbeat":
                self.ledger.note_beat(self.node, told["payload"].get("leases", []))
            return answer
        self.kept.append(sent)
        if "shuffle" in self.faults:
            return await self._shuffled(sent, told["events"])
        return await self._tell(sent, told["events"])

    async def _tell(self, sent: Sent, events: list[dict[str, Any]]) -> tuple[int, bytes, str] | None:
        """A batch and its answer, noted."""
        answer = await self._ask(sent)
        if answer is not None and answer[0] == 200:
            results = {result["event_id"]: result["status"] for result in json.loads(answer[1])["results"]}
            for event in events:
                self.ledger.note(self.node, event, results[event["event_id"]])
        return answer

    async def _shuffled(self, sent: Sent, events: list[dict[str, Any]]) -> tuple[int, bytes, str] | None:
        """Every event on its own and in any order, half of them twice; the answers put together again."""
        order = events + self.chance.sample(events, len(events) // 2)
        self.chance.shuffle(order)
        results: dict[str, Any] = {}
        server_time, last = "", (502, b"", "")
        for event in order:
            answer = await self._tell(_alone(sent, event), [event])
            if answer is None or answer[0] != 200:
                return answer
            told, last = json.loads(answer[1]), answer
            server_time = told["server_time"] or server_time
            results.setdefault(event["event_id"], told["results"][0])
        whole = {"results": [results[event["event_id"]] for event in events], "server_time": server_time}
        return 200, json.dumps(whole).encode(), last[2]

    async def _ask(self, sent: Sent) -> tuple[int, bytes, str] | None:
        """The first server that takes the connection, in any order."""
        for upstream in self.chance.sample(self.upstreams, len(self.upstreams)):
            try:
                async with self.session.request(
                    sent.method, upstream + sent.path, data=sent.body, headers=sent.headers
                ) as answer:
                    return answer.status, await answer.read(), answer.headers.get("Content-Type", "")
            except aiohttp.ClientConnectorError:
                continue
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                return None
        return 503, b"{}", "application/json"

    async def replay(self) -> None:
        """The last callbacks once more, in another order."""
        again = list(self.kept)
        self.chance.shuffle(again)
        for sent in again:
            with suppress(aiohttp.ClientError, ValueError):
                await self._tell(sent, json.loads(sent.body)["events"])


def _alone(sent: Sent, event: dict[str, Any]) -> Sent:
    return Sent(sent.method, sent.path, sent.headers, json.dumps({"events": [event]}).encode())


class Proxies:
    """A line per node, all in one thread; `close` ends it."""

    def __init__(self, nodes: tuple[str, ...], upstreams: list[str], ledger: Ledger) -> None:
        self.lines: dict[str, Line] = {}
        self.urls: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._await(self._open(nodes, upstreams, ledger))

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self, nodes: tuple[str, ...], upstreams: list[str], ledger: Ledger) -> None:
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=15), connector=aiohttp.TCPConnector(limit=0)
        )
        for node in nodes:
            line = self.lines[node] = Line(node, upstreams, ledger, Random(node), session)
            app = web.Application(client_max_size=64 * 1024 * 1024)
            app.router.add_route("*", "/{tail:.*}", line.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.urls[node] = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._closers.append(runner.cleanup)
        self._closers.append(session.close)

    def reseed(self, seed: int) -> None:
        """Every schedule begins with the chances of its seed, and without what was kept."""
        for node, line in self.lines.items():
            line.chance = Random(f"{seed} {node}")
            line.kept.clear()

    def replay(self, node: str) -> None:
        """In the background: the node goes on meanwhile."""
        asyncio.run_coroutine_threadsafe(self.lines[node].replay(), self._loop)

    def heal(self) -> None:
        for line in self.lines.values():
            line.faults.clear()

    async def _shut(self) -> None:
        for close in self._closers:
            await close()

    def close(self) -> None:
        self.heal()
        self._await(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
