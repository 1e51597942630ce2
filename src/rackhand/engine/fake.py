"""For tests: a lab whose nodes speak without network or adb. It calls the use cases as the server does."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rackhand.core import dice
from rackhand.core.clock import to_rfc3339
from rackhand.core.lease import Periods
from rackhand.engine import callbacks, catalog, enrolment, playbooks, run_views, runs, sweep, work
from rackhand.engine.access import SYSTEM
from rackhand.engine.callbacks import Request
from rackhand.engine.contexts import Contexts
from rackhand.engine.folding import Item, Result
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.run_views import DeviceRunDetail, RunDetail
from rackhand.engine.runs import Created, Origin
from rackhand.store.db import Database
from rackhand.store.fake import FakeClock
from rackhand.wire import codec
from rackhand.wire.messages import Heartbeat, Job, PullAnswer, ReportedDevice, ReportedNode


@dataclass(slots=True)
class Lab:
    """One database, its clock, and everything that happens to it by hand."""

    db: Database
    clock: FakeClock
    periods: Periods = field(default_factory=Periods)
    contexts: Contexts = field(default_factory=Contexts)
    numbers: Any = field(default_factory=itertools.count)

    async def node(self, node_id: str, phones: int, first: int = 1, **facts: Any) -> list[ReportedDevice]:
        """Enrol a node with some online phones and let it beat once."""
        await self.db.write(enrolment.enrol, SYSTEM, {"id": node_id, "name": None})
        reported = [phone(f"{node_id}-S{i:03d}", **facts) for i in range(first, first + phones)]
        await self.beat(node_id, reported)
        return reported

    async def beat(
        self, node_id: str, devices: Sequence[ReportedDevice] | None = None, leases: Sequence[str] = (), **node: Any
    ) -> callbacks.Reply:
        """One heartbeat; without devices, nothing changed on the node."""
        beat = Heartbeat(node=ReportedNode(**node), leases=list(leases))
        if devices is not None:
            beat.devices = list(devices)
        return await self.heartbeat(node_id, beat)

    async def heartbeat(self, node_id: str, beat: Heartbeat) -> callbacks.Reply:
        """A heartbeat as it is."""
        raw = codec.encode(self._envelope(node_id, "device_heartbeat", beat))
        event, payload = codec.decode_event(raw)
        request = Request(node_id, (Item(event.event_id, event, payload),))
        return (await self.db.write(callbacks.apply_beats, [request], self.periods)).replies[0]

    def device_event(self, node_id: str, serial: str, kind: str, **payload: Any) -> dict[str, Any]:
        """Something for a device's history."""
        return self._envelope(node_id, "device_event", {"serial": serial, "kind": kind} | payload)

    def _envelope(self, node_id: str, kind: str, payload: Any, **more: Any) -> dict[str, Any]:
        return {
            "event_id": f"e{next(self.numbers)}",
            "type": kind,
            "node_id": node_id,
            "occurred_at": to_rfc3339(self.clock.at),
            "payload": payload,
        } | more

    async def playbook(self, *steps: dict[str, Any], title: str = "Check") -> str:
        """A playbook of steps `{kind, params?, effect?, probability? ...}`, each over an asset of its own."""
        made = []
        for step in steps or ({"kind": "screenshot"},):
            asset = {name: step[name] for name in ("kind", "params", "effect") if name in step}
            view = await self.db.write(catalog.create_asset, SYSTEM, asset | {"title": f"{step['kind']} it"})
            rest = {name: value for name, value in step.items() if name not in asset}
            made.append({"asset_id": view.id} | _STEP_DEFAULTS | rest)
        body = {"title": title, "steps": made}
        return (await self.db.write(playbooks.create_playbook, SYSTEM, body)).id

    async def run(self, playbook_id: str, target: dict[str, Any] | None = None, **request: Any) -> Created:
        """Start a run as POST /api/runs does; each a little later than the one before."""
        self.clock.advance(1)
        body = {"playbook_id": playbook_id, "target": target or {"scope": "all"}} | request
        errors: list[Any] = []
        checked = RUN_REQUEST.check(body, "", errors)
        assert not errors, errors
        return await self.db.write(runs.create_run, checked, Origin())

    async def pull(self, node_id: str, max_jobs: int = 32, held: Sequence[str] = ()) -> PullAnswer:
        return await self.db.write(work.pull, node_id, max_jobs, held, self.periods)

    async def sweep(self, *, after_ms: int = 0) -> sweep.Swept:
        """Let time pass in steps that the sweep does not take for an outage, sweeping on the way."""
        left = after_ms
        while left > self.periods.sweep_gap_ms:
            self.clock.advance(self.periods.sweep_gap_ms)
            left -= self.periods.sweep_gap_ms
            await sweep.pass_once(self.db, self.periods)
        self.clock.advance(left)
        return await sweep.pass_once(self.db, self.periods)

    async def report(self, *events: dict[str, Any]) -> list[Result]:
        """Decode and apply events in one group commit, each as a request of its own."""
        requests = [Request(event["node_id"], (item(event),)) for event in events]
        applied = await self.db.write(callbacks.apply_events, requests, self.periods, self.contexts)
        return [reply.results[0] for reply in applied.replies]

    def started(self, node_id: str, job: Job, seq: int = 1) -> dict[str, Any]:
        return self.event(node_id, job, "task_started", seq)

    def event(self, node_id: str, job: Job, kind: str, seq: int, /, **payload: Any) -> dict[str, Any]:
        """An event about a job; run_id and device_index are filled in."""
        body = {"run_id": job.run_id, "device_index": job.device.index} | payload
        return self._envelope(node_id, kind, body, lease_token=job.lease.token, seq=seq)

    def step(self, node_id: str, job: Job, seq: int, step_index: int, status: str, **more: Any) -> dict[str, Any]:
        """A run_step_update with the right dice."""
        drawn = dice.draw(job.seed, job.dice_index, step_index)
        probability = job.steps[step_index]["probability"]
        payload = {
            "step_index": step_index,
            "attempt": 1,
            "status": status,
            "probability": probability,
            "draw": drawn,
            "decision": dice.decide(drawn, probability).value,
            "started_at": to_rfc3339(self.clock.at),
        }
        if status not in ("running",):
            payload["finished_at"] = to_rfc3339(self.clock.at)
        return self.event(node_id, job, "run_step_update", seq, **(payload | more))

    async def execute(self, node_id: str, job: Job, status: str = "succeeded") -> list[Result]:
        """Everything a node reports of a device run whose steps all end alike."""
        events = [self.started(node_id, job)]
        for i in range(job.first_step_index, len(job.steps)):
            events.append(self.step(node_id, job, len(events) + 1, i, status))
        error = None if status == "succeeded" else f"step {len(job.steps)} failed"
        events.append(self.event(node_id, job, "task_finished", len(events) + 1, status=status, error_message=error))
        return await self.report(*events)

    async def view(self, run_id: str) -> RunDetail:
        found = await self.db.read(run_views.get_run, run_id)
        assert found is not None
        return found

    async def device(self, run_id: str, index: int) -> DeviceRunDetail:
        return await self.db.read(run_views.get_device_run, run_id, index)


_STEP_DEFAULTS = {
    "params": None,
    "probability": 1,
    "timeout_ms": None,
    "retry_count": None,
    "on_failure": "stop_device",
}


def phone(serial: str | None, **facts: Any) -> ReportedDevice:
    """A phone as a node reports it."""
    shape: dict[str, Any] = {
        "runtime_handle": serial or "?",
        "adb_state": "device",
        "online": True,
        "serial": serial,
    } | facts
    return ReportedDevice(**shape)


def item(event: dict[str, Any]) -> Item:
    """One event, encoded and decoded as over the wire."""
    try:
        decoded, payload = codec.decode_event(codec.mend(msgspec.json.encode(event)))
    except codec.InvalidEvent as error:
        return Item(error.event_id, error=str(error))
    if decoded.lease_token is None:
        return Item(decoded.event_id, decoded, payload)
    try:
        return Item(decoded.event_id, decoded, payload, codec.to_fact(decoded, payload, 0))
    except codec.InvalidEvent as error:
        return Item(decoded.event_id, decoded, payload, error=str(error))
