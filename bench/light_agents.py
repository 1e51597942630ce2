"""Light agents: what an agent says to the server, without adb, outbox or disk. They share two cores with the server, so
they do as little as they can; what they cost is reported.

Each has one keep-alive connection and one request under way, as an agent has, and beats every ten seconds. Its events
are updates of steps of device runs that it really holds: of each attempt first `running`, then `succeeded`; attempts
are counted up so that there is always something new to report. Each event makes a row of its own.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.fleet_rows import serials, token_of
from bench.lines import Line, connect
from rackhand.cli.fake import BOOTSTRAP
from rackhand.core import dice

CALLBACK = "/api/nodes/callback"
BEAT_S = 10.0
STEPS = 10
_AT = "2026-11-29T00:00:00Z"
_EVENT = (
    '{{"event_id":"%s-%d","type":"run_step_update","node_id":"%s","lease_token":"{token}","seq":%d,'
    '"occurred_at":"{at}","payload":{{"run_id":"{run}","device_index":{index},"step_index":%d,"attempt":%d,'
    '"status":"%s","probability":1.0,"draw":%s,"decision":"executed","started_at":"{at}"%s}}}}'
)
_DONE = f',"exit_code":0,"output_tail":"ok\\n","output_lines":1,"finished_at":"{_AT}"'


@dataclass(slots=True)
class HeldJob:
    """A device run that an agent holds, and how far its reports are."""

    token: str
    template: str
    started: dict[str, Any]
    draws: list[str]
    said: int = 1

    @classmethod
    def of(cls, job: dict[str, Any]) -> "HeldJob":
        token, run, index = job["lease"]["token"], job["run_id"], job["device"]["index"]
        draws = [repr(dice.draw(job["seed"], job["dice_index"], step)) for step in range(len(job["steps"]))]
        template = _EVENT.format(token=token, run=run, index=index, at=_AT)
        return cls(token, template, {"run_id": run, "device_index": index}, draws)

    def next(self, node: str, number: int) -> str:
        """The next event of this job; `number` is unique on the node."""
        attempted, is_done = divmod(self.said - 1, 2)
        attempt, step = divmod(attempted, len(self.draws))
        self.said += 1
        status, more = ("succeeded", _DONE) if is_done else ("running", "")
        draw = self.draws[step]
        return self.template % (node, number, node, self.said, step, attempt + 1, status, draw, more)


@dataclass(slots=True)
class Tally:
    """What agents saw in one round."""

    seconds: list[float] = field(default_factory=list)
    events: int = 0


class LightAgent:
    """One node: `each` devices, one connection to one server."""

    def __init__(self, name: str, serial_numbers: Sequence[str], line: Line) -> None:
        self.name, self.line = name, line
        self.jobs: list[HeldJob] = []
        self.number = 0
        self.acknowledged = 0
        self._serials, self._beats, self._beaten_at = serial_numbers, 0, 0.0
        self._turn = 0

    async def beat(self, *, is_full: bool = False, offline: bool = False) -> None:
        """A heartbeat; `is_full` lists the devices, all online or all offline."""
        payload: dict[str, Any] = {"node": {"concurrency": 1_000}, "leases": [job.token for job in self.jobs]}
        if is_full:
            state = {"adb_state": "offline" if offline else "device", "online": not offline}
            payload["devices"] = [{"serial": each, "runtime_handle": each} | state for each in self._serials]
        self._beats, self._beaten_at = self._beats + 1, time.monotonic()
        event = {"event_id": f"b{self._beats}", "type": "device_heartbeat", "node_id": self.name, "payload": payload}
        await self.line.ask("POST", CALLBACK, event)

    async def take(self, most: int) -> None:
        """Pull jobs and start them."""
        body = {"node_id": self.name, "max_jobs": most, "wait_ms": 0, "held": [job.token for job in self.jobs]}
        answer = await self.line.ask("POST", "/api/nodes/pull", body)
        taken = [HeldJob.of(job) for job in answer["jobs"]]
        events = [
            {"event_id": job.token, "type": "task_started", "node_id": self.name, "lease_token": job.token, "seq": 1}
            | {"payload": job.started}
            for job in taken
        ]
        self.jobs += taken
        if events:
            answer = await self.line.ask("POST", CALLBACK, {"events": events})
            assert {result["status"] for result in answer["results"]} == {"accepted"}, answer

    def next_request(self, size: int) -> bytes:
        """A callback of `size` events, of its jobs in turn; one event goes without the frame of a batch."""
        events = []
        for _ in range(size):
            self.number += 1
            self._turn = (self._turn + 1) % len(self.jobs)
            events.append(self.jobs[self._turn].next(self.name, self.number))
        text = events[0] if size == 1 else f'{{"events":[{",".join(events)}]}}'
        return self.line.encode("POST", CALLBACK, text.encode())

    async def push(self, size: int, until: float, tally: Tally) -> None:
        """Report as fast as the server answers, until `time.perf_counter()` is `until`."""
        while time.perf_counter() < until:
            if time.monotonic() - self._beaten_at > BEAT_S:
                await self.beat()
            raw = self.next_request(size)
            began_at = time.perf_counter()
            status, body = await self.line.send(raw)
            tally.seconds.append(time.perf_counter() - began_at)
            taken = body.count(b'"accepted"') if size > 1 else body.count(b'"duplicate":false')
            assert (status, taken) == (200, size), body[:300]
            tally.events += size
            self.acknowledged = self.number

    async def beat_on(self, until: float) -> int:
        """Beat as fast as the server answers; how often."""
        before = self._beats
        while time.perf_counter() < until:
            await self.beat(is_full=True)
        return self._beats - before


async def join(urls: Sequence[str], nodes: Sequence[str], each: int) -> list[LightAgent]:
    """Light agents of nodes that bench/fleet_rows.py wrote, spread over the servers in turn; they have beaten once."""
    lines = [await connect(urls[number % len(urls)], token_of(node)) for number, node in enumerate(nodes)]
    agents = [
        LightAgent(node, serials(number, each), line)
        for number, (node, line) in enumerate(zip(nodes, lines, strict=True))
    ]
    await asyncio.gather(*(agent.beat(is_full=True) for agent in agents))
    return agents


async def step_of(admin: Line) -> dict[str, str]:
    """A step over a new command asset."""
    asset = await admin.ask("POST", "/api/command-assets", {"title": "Look", "kind": "screenshot"})
    return {"asset_id": asset["id"]}


async def give_work(url: str, agents: Sequence[LightAgent], each: int, runs: int = 1) -> None:
    """Start `runs` runs over all devices of the agents, who take and start them."""
    admin = await connect(url, BOOTSTRAP)
    steps = [await step_of(admin)] * STEPS
    for part in range(runs):
        target = {"scope": "nodes", "nodes": [agent.name for agent in agents[part::runs]]}
        await admin.ask("POST", "/api/runs", {"steps": steps, "target": target, "policy": {"concurrency": 1_000}})
    admin.close()
    await asyncio.gather(*(agent.take(each) for agent in agents))
    lazy = [agent.name for agent in agents if len(agent.jobs) != each]
    assert not lazy, lazy
