"""A server for the agent's tests: the routes for nodes of DESIGN section 5 on loopback, in memory, with faults.

It judges events with the wire codec, as the real one does. Shipped, so that other packages' tests can use it too.
"""

import asyncio
import hashlib
import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web

from rackhand.agent.settings import AgentPeriods
from rackhand.agent.waking import Wake, wait_event
from rackhand.core.assets import KINDS
from rackhand.wire import codec
from rackhand.wire.messages import Event, EventType, Heartbeat, Job, JobDevice, LeaseGrant, PullRequest

FAST = AgentPeriods(
    beat_ms=100,
    full_beat_ms=300,
    coalesce_ms=5,
    pull_wait_ms=300,
    request_ms=2_000,
    upload_ms=2_000,
    retry_min_ms=10,
    retry_max_ms=40,
    poll_ms=50,
    probe_ms=60,
    probe_deadline_ms=500,
    wait_probe_ms=20,
    progress_ms=20,
    poll_action_ms=10,
    cleanup_ms=300,
    flush_ms=500,
    drain_ms=1,
    restart_min_ms=10,
    restart_max_ms=50,
    backoff_ms=lambda attempt: 1,
)
"""Periods for tests: the same code, a hundred times faster."""


def make_step(kind: str, title: str = "", **fields: Any) -> dict[str, Any]:
    """A resolved step; `params` and policy fields by name."""
    return {
        "id": f"step-{kind}",
        "asset_id": f"asset-{kind}",
        "asset_revision": 1,
        "title": title or KINDS[kind].summary,
        "kind": kind,
        "params": {},
        "effect": KINDS[kind].effect.value,
        "probability": 1.0,
        "timeout_ms": 5_000,
        "retry_count": 0,
        "on_failure": "stop_device",
        **fields,
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """One event as it came in."""

    event: Event
    payload: Any

    @property
    def type(self) -> str:
        return self.event.type


@dataclass(slots=True)
class FakeServer:
    """`jobs` are handed out until started; `events` are those accepted, in order, duplicates left out."""

    node_id: str = "PC-01"
    ttl_ms: int = 60_000
    events: list[Seen] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    leases: dict[str, str] = field(default_factory=dict)
    scans: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refused: list[Event] = field(default_factory=list)
    judge: Callable[[Event], str] | None = None
    answer_status: int = 0
    upload_failures: int = 0
    damaged_uploads: int = 0
    lost_answers: int = 0
    pardons: list[str] = field(default_factory=list)
    is_silent: bool = False
    url: str = ""
    wake: Wake = field(default_factory=Wake)
    _ids: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _runner: web.AppRunner | None = None
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> "FakeServer":
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._faults])
        app.router.add_post("/api/nodes/pull", self._pull)
        app.router.add_post("/api/nodes/callback", self._callback)
        app.router.add_put("/api/nodes/artifacts/{id}", self._upload)
        app.router.add_get("/api/nodes/files/{sha256}", self._file)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.wake.notify()
        assert self._runner is not None
        await self._runner.cleanup()

    # -- what a test does

    def give(self, serial: str, *steps: dict[str, Any], handle: str = "", **fields: Any) -> Job:
        """A job for a device; handed out with the next pull. `fields` are those of Job."""
        number = next(self._numbers)
        policy = {"grace_wait_ms": 5_000, **fields.pop("policy", {})}
        job = Job(
            lease=LeaseGrant(
                token=f"lease-{number}", epoch=1, ttl_ms=self.ttl_ms, expires_at="2026-11-22T00:00:00.000Z"
            ),
            run_id=fields.pop("run_id", "run-1"),
            device=JobDevice(index=fields.pop("index", number), serial=serial, runtime_handle=handle or serial),
            steps=list(steps),
            **{"first_step_index": 0, "dice_index": number, "seed": 1, "policy": policy, "params": {}, **fields},
        )
        self.jobs[job.lease.token] = job
        self.leases[job.lease.token] = "live"
        self.wake.notify()
        return job

    def cancel(self, *tokens: str) -> None:
        """Stop: the next answers list these as cancelled."""
        for token in tokens:
            self.leases[token] = "cancelled"
            self.jobs.pop(token, None)
        self.wake.notify()

    async def until(self, is_so: Callable[[], object], timeout_ms: int = 20_000) -> None:
        """Wait until it is so, looking whenever a request came in; AssertionError after the time."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_ms / 1000
        while not is_so():
            left_ms = (ends_at - loop.time()) * 1000
            assert left_ms > 0, f"not within {timeout_ms} ms; seen: {[seen.type for seen in self.events]}"
            await self.wake.wait(min(left_ms, 50))

    def of(self, kind: str, token: str | None = None) -> list[Any]:
        """The payloads of one type, of one lease if given."""
        return [s.payload for s in self.events if s.type == kind and token in (None, s.event.lease_token)]

    async def finished(self, job: Job) -> Any:
        """The job's task_finished."""
        token = job.lease.token
        await self.until(lambda: self.of("task_finished", token))
        return self.of("task_finished", token)[-1]

    def steps(self, job: Job) -> list[tuple[int, int, str]]:
        """(step, attempt, status) of every final step report."""
        updates = self.of("run_step_update", job.lease.token)
        return [(u.step_index, u.attempt, u.status) for u in updates if u.status != "running"]

    # -- the routes

    @web.middleware
    async def _faults(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        if self.is_silent:
            await self._closing.wait()
        if self.answer_status:
            headers = {"Retry-After": "0"} if self.answer_status == 503 else {}
            self.wake.notify()
            return web.json_response({"type": "urn:rackhand:test"}, status=self.answer_status, headers=headers)
        answer: web.StreamResponse = await handler(request)
        self.wake.notify()
        return answer

    async def _pull(self, request: web.Request) -> web.Response:
        ask = msgspec.json.decode(await request.read(), type=PullRequest)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + ask.wait_ms / 1000
        while not (answer := self._offer(ask)) and loop.time() < ends_at and not self._closing.is_set():
            await self.wake.wait(min(20, (ends_at - loop.time()) * 1000))
        if self.lost_answers and answer.get("jobs"):
            self.lost_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return self._json(answer)

    def _offer(self, ask: PullRequest) -> dict[str, Any]:
        jobs = [job for token, job in self.jobs.items() if token not in ask.held][: ask.max_jobs]
        cancelled = self._cancelled(ask.held)
        scans = [{"scan_job_id": scan} for scan in self.scans]
        offer = {"jobs": jobs, "scans": scans, "cancelled": cancelled}
        return {name: value for name, value in offer.items() if value}

    def _cancelled(self, tokens: Iterable[str]) -> list[str]:
        return [token for token in tokens if self.leases.get(token) != "live"]

    def _json(self, answer: dict[str, Any]) -> web.Response:
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def _callback(self, request: web.Request) -> web.Response:
        events, is_batch = codec.split(await request.read())
        results = [self._apply(raw) for raw in events]
        return self._json({"results": results} if is_batch else {"ok": True, **results[0]})

    def _apply(self, raw: bytes) -> dict[str, Any]:
        try:
            event, payload = codec.decode_event(raw)
        except codec.InvalidEvent as error:
            return {"event_id": error.event_id, "status": "invalid", "error": str(error)}
        if event.type == EventType.DEVICE_HEARTBEAT:
            return self._beat(payload)
        verdict = "duplicate" if event.event_id in self._ids else self._judge(event)
        if verdict == "accepted":
            self._ids.add(event.event_id)
            self.events.append(Seen(event, payload))
            self._note(event, payload)
        elif verdict != "duplicate":
            self.refused.append(event)
        return {"event_id": event.event_id, "status": verdict}

    def _judge(self, event: Event) -> str:
        if self.judge is not None and (verdict := self.judge(event)):
            return verdict
        if event.lease_token is not None and event.lease_token not in self.leases:
            return "stale"
        return "accepted"

    def _note(self, event: Event, payload: Any) -> None:
        token = event.lease_token or ""
        if event.type == EventType.TASK_STARTED:
            self.jobs.pop(token, None)
        elif event.type == EventType.TASK_FINISHED:
            self.leases[token] = "ended"
        elif event.type == EventType.SCAN_PROGRESS and payload.scan_job_id in self.scans:
            self.scans.remove(payload.scan_job_id)

    def _beat(self, payload: Heartbeat) -> dict[str, Any]:
        self.beats.append(payload)
        live = [{"token": token, "ttl_ms": self.ttl_ms} for token in payload.leases if self.leases.get(token) == "live"]
        return {"renewed": live, "cancelled": self._cancelled(payload.leases), "pardoned": self.pardons}

    async def _upload(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.upload_failures:
            self.upload_failures -= 1
            return web.json_response({}, status=500)
        if self.damaged_uploads:
            self.damaged_uploads -= 1
            body = bytes([body[0] ^ 1]) + body[1:]
        digest = re.fullmatch(r"sha-256=:(.+):", request.headers["Content-Digest"])
        expected = msgspec.json.decode(b'"' + digest[1].encode() + b'"', type=bytes) if digest else b""
        if expected != hashlib.sha256(body).digest():
            return web.json_response({}, status=422)
        self.uploads[request.match_info["id"]] = body
        return web.json_response({}, status=201)

    async def _file(self, request: web.Request) -> web.Response:
        body = self.files.get(request.match_info["sha256"])
        return web.json_response({}, status=404) if body is None else web.Response(body=body)

    async def pause(self, timeout_ms: int) -> None:
        """Let the agent go on for at most so long; for what must not happen."""
        await wait_event(self._closing, timeout_ms)
