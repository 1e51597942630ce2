"""Nodes without an agent: coroutines that speak the protocol of one at production periods, and report without devices.

Belongs here: enrolling, beats, polls, and the events of a device run as an agent would batch them; how long each
request took. Must not: what is measured.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from bench.measure import ADMIN
from rackhand.agent.settings import AgentPeriods
from rackhand.core import dice
from rackhand.core.ids import uuid7

PERIODS = AgentPeriods()
ENROL_AT_ONCE = 16
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass
class Taken:
    """Milliseconds of each request by kind, and what was refused for now."""

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    events: int = 0
    finished: int = 0

    def clear(self) -> None:
        self.ms.clear()
        self.refused = self.events = self.finished = 0


class Node:
    """One node. `live` beats and polls until it is cancelled; a job is reported as done at once, a step at a time."""

    def __init__(self, http: aiohttp.ClientSession, url: str, number: int, token: str, devices: int, taken: Taken):
        self.name = f"N-{number:04}"
        self._http, self._url, self._taken = http, url, taken
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._devices = [
            {
                "serial": f"{self.name}-{index:03}",
                "runtime_handle": f"{self.name}-{index:03}",
                "adb_state": "device",
                "online": True,
                "battery": 80,
            }
            for index in range(devices)
        ]
        self._held: set[str] = set()
        self._work: set[asyncio.Task[None]] = set()

    async def _post(self, kind: str, path: str, body: Any) -> Any:
        """The answer; asked again as long as the server is full."""
        data = _encode(body)
        while True:
            began = time.perf_counter()
            async with self._http.post(self._url + path, data=data, headers=self._headers) as answer:
                content = await answer.read()
            if answer.status != 503:
                assert answer.status == 200, (answer.status, content)
                self._taken.ms[kind].append((time.perf_counter() - began) * 1000)
                return _decode(content)
            self._taken.refused += 1
            await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))

    def _event(self, kind: str, payload: Any, token: str | None = None, seq: int | None = None) -> dict[str, Any]:
        event_id = uuid7(time.time_ns() // 1_000_000, random.randbytes(10))
        event = {"event_id": event_id, "type": kind, "node_id": self.name, "payload": payload}
        return event if token is None else event | {"lease_token": token, "seq": seq}

    async def beat(self, *, is_whole: bool) -> None:
        payload: dict[str, Any] = {"node": {"concurrency": len(self._devices)}, "leases": sorted(self._held)}
        if is_whole:
            payload["devices"] = self._devices
        await self._post("beat", "/api/nodes/callback", self._event("device_heartbeat", payload))

    async def live(self, first_s: float) -> None:
        """`first_s`: when its first beat is due, so that not all of them beat at once."""
        await asyncio.gather(self._beat_on(first_s), self._poll_on())

    async def _beat_on(self, first_s: float) -> None:
        due, number = time.monotonic() + first_s, 0
        whole_every = PERIODS.full_beat_ms // PERIODS.beat_ms
        offset = random.randrange(whole_every)
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.beat(is_whole=number == 0 or number % whole_every == offset)
            number, due = number + 1, due + PERIODS.beat_ms / 1000

    async def _poll_on(self) -> None:
        while True:
            free = len(self._devices) - len(self._held)
            body = {"node_id": self.name, "max_jobs": free, "wait_ms": PERIODS.pull_wait_ms, "held": sorted(self._held)}
            answer = await self._post("poll", "/api/nodes/pull", body)
            if answer["jobs"]:
                self._held |= {job["lease"]["token"] for job in answer["jobs"]}
                task = asyncio.create_task(self._do(answer["jobs"]))
                self._work.add(task)
                task.add_done_callback(self._work.discard)
            self._held -= set(answer["cancelled"])

    async def _do(self, jobs: list[dict[str, Any]]) -> None:
        """All device runs side by side: started, each step running and succeeded, finished."""
        seqs = dict.fromkeys((job["lease"]["token"] for job in jobs), 0)

        def event(job: dict[str, Any], kind: str, **payload: Any) -> dict[str, Any]:
            token = job["lease"]["token"]
            seqs[token] += 1
            about = {"run_id": job["run_id"], "device_index": job["device"]["index"]}
            return self._event(kind, about | payload, token, seqs[token])

        await self._tell(event(job, "task_started") for job in jobs)
        for step in range(len(jobs[0]["steps"])):
            for status in ("running", "succeeded"):
                await self._tell(event(job, "run_step_update", **_step(job, step, status)) for job in jobs)
        await self._tell(event(job, "task_finished", status="succeeded") for job in jobs)
        self._held -= seqs.keys()
        self._taken.finished += len(jobs)

    async def _tell(self, events: Iterable[dict[str, Any]]) -> None:
        body = {"events": list(events)}
        answer = await self._post("callback", "/api/nodes/callback", body)
        self._taken.events += sum(each["status"] == "accepted" for each in answer["results"])


def _step(job: dict[str, Any], step: int, status: str) -> dict[str, Any]:
    is_over = status == "succeeded"
    said = {"exit_code": 0, "output_tail": "ok\n", "output_lines": 1} if is_over else {}
    drawn = {"probability": 1.0, "draw": dice.draw(job["seed"], job["dice_index"], step), "decision": "executed"}
    return {"step_index": step, "attempt": 1, "status": status, **drawn, **said}


async def enrol(http: aiohttp.ClientSession, url: str, count: int, devices: int, taken: Taken) -> list[Node]:
    """Nodes, their devices told by a first beat each."""
    slots = asyncio.Semaphore(ENROL_AT_ONCE)

    async def one(number: int) -> Node:
        async with slots:
            name = f"N-{number:04}"
            async with http.post(f"{url}/api/nodes", json={"id": name, "name": name}, headers=ADMIN) as answer:
                assert answer.status == 201, await answer.text()
                token = (await answer.json())["token"]
            node = Node(http, url, number, token, devices, taken)
            await node.beat(is_whole=True)
            return node

    return list(await asyncio.gather(*(one(number) for number in range(count))))
