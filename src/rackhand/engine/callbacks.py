"""Callbacks: what nodes report, committed in groups. Everything that queued up while the previous group committed
shares one transaction; each request is answered after its commit. A group that fails is tried again one by one, so that
a poison event hurts nobody else.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from rackhand.core import reasons
from rackhand.core.clock import to_rfc3339
from rackhand.core.errors import Busy, RackhandError
from rackhand.core.lease import Periods
from rackhand.core.policy import OnFailure
from rackhand.core.states import DeviceRunStatus, StepStatus, Verdict
from rackhand.engine import health, nodes, renewal, scans
from rackhand.engine.closing import close
from rackhand.engine.contexts import Contexts
from rackhand.engine.facts import GroupApplied
from rackhand.engine.folding import Folding, Item, Result
from rackhand.engine.rollup import settle
from rackhand.store import health as stored_health
from rackhand.store import ingest, inventory, leases, steps
from rackhand.store.changes import Changes, StepKey
from rackhand.store.db import Database, Tx
from rackhand.wire.messages import EventType, Heartbeat, Renewal

log = structlog.get_logger("rackhand.callbacks")
MAX_QUEUED_EVENTS = 50_000
MAX_GROUP_EVENTS = 5_000
_LEASELESS = frozenset({EventType.SCAN_PROGRESS, EventType.DEVICE_EVENT})
_FINISHED = frozenset({DeviceRunStatus.SUCCEEDED, DeviceRunStatus.FAILED, DeviceRunStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class Request:
    """The decoded events of one callback request; `node_id` is the authenticated node."""

    node_id: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """Results in the order of the items, and what a heartbeat among them learnt about its leases."""

    results: tuple[Result, ...]
    renewed: tuple[Renewal, ...] = ()
    cancelled: tuple[str, ...] = ()
    pardoned: tuple[str, ...] = ()
    server_time: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one transaction answers, and which nodes may have something to do now."""

    replies: list[Reply]
    wake: frozenset[str]


def is_beat(item: Item) -> bool:
    return item.event is not None and item.event.type == EventType.DEVICE_HEARTBEAT and item.error is None


def apply_beats(tx: Tx, requests: Sequence[Request], periods: Periods) -> Applied:
    """Heartbeats: node and device rows that changed, and the leases they carry. Other items are left alone."""
    replies, wake = [], set()
    for request in requests:
        renewed: list[Renewal] = []
        cancelled: list[str] = []
        pardoned: list[str] = []
        for item in filter(is_beat, request.items):
            beat: Heartbeat = item.payload
            if nodes.beat(tx, request.node_id, beat, periods).has_changes:
                leases.follow_devices(tx, request.node_id)
                wake.add(request.node_id)
            kept = renewal.renew(tx, request.node_id, beat.leases, periods)
            renewed += [Renewal(token=token, ttl_ms=periods.lease_ms) for token in kept.renewed]
            cancelled += kept.cancelled
            pardoned = stored_health.pardoned(tx, request.node_id)
        results = tuple(Result(item.event_id, "accepted") for item in request.items if is_beat(item))
        server_time = to_rfc3339(tx.now) if results else ""
        replies.append(Reply(results, tuple(renewed), tuple(cancelled), tuple(pardoned), server_time))
    return Applied(replies, frozenset(wake))


def apply_events(tx: Tx, requests: Sequence[Request], periods: Periods, contexts: Contexts) -> Applied:
    """All events but heartbeats, folded over their rows and written as sets."""
    pairs = [(request, item) for request in requests for item in request.items if not is_beat(item)]
    loaded = ingest.load(
        tx,
        [(request.node_id, item.event_id) for request, item in pairs],
        sorted({item.event.lease_token for _, item in pairs if item.event and item.event.lease_token}),
    )
    known = contexts.of(tx, {row.run_id for row in loaded.device_runs.values()})
    changes = Changes(received_at=tx.now, upload_deadline_at=tx.now + periods.upload_window_ms)
    folding = Folding(loaded, ingest.load_steps(tx, _step_keys(pairs)), known, changes)
    replies = [
        Reply(tuple(_take(tx, folding, request.node_id, item) for item in request.items if not is_beat(item)))
        for request in requests
    ]
    wake = _write(tx, folding, contexts)
    tx.tell(GroupApplied(len(requests), len(pairs)), *folding.moves)
    return Applied(replies, frozenset(wake))


def _step_keys(pairs: Sequence[tuple[Request, Item]]) -> list[StepKey]:
    return sorted(
        {
            (item.payload.run_id, item.payload.device_index, item.payload.step_index, item.payload.attempt)
            for _, item in pairs
            if item.event is not None and item.fact is not None and item.event.type == EventType.RUN_STEP_UPDATE
        }
    )


def _take(tx: Tx, folding: Folding, node_id: str, item: Item) -> Result:
    if item.event is None or item.event.type not in _LEASELESS or item.error is not None:
        return folding.take(node_id, item)
    if folding.is_known((node_id, item.event_id)):
        return folding.take(node_id, item)
    try:
        if item.event.type == EventType.SCAN_PROGRESS:
            scans.report(tx, node_id, item.payload)
        else:
            health.note(tx, node_id, item.event, item.payload)
    except RackhandError as error:
        folding.record(node_id, item, Verdict.INVALID)
        return Result(item.event_id, "invalid", str(error.detail))
    folding.record(node_id, item, Verdict.ACCEPTED)
    return Result(item.event_id, "accepted")


def _write(tx: Tx, folding: Folding, contexts: Contexts) -> set[str]:
    changes = folding.changes
    changes.run_revs = {run_id: run.rev for run_id, run in settle(tx, folding.run_changes).items()}
    ingest.save(tx, changes)
    finished = [row for row in changes.device_runs.values() if row.status in _FINISHED and row.finished_seq]
    wake = {row.node_id for row in finished if row.node_id}
    by_run: dict[str, list[int]] = {}
    for row in finished:
        by_run.setdefault(row.run_id, []).append(row.device_index)
    for run_id, device_indexes in by_run.items():
        _count_warnings(tx, run_id, device_indexes, contexts)
    failed = {row.run_id for row in finished if row.status is DeviceRunStatus.FAILED}
    for run_id in sorted(failed):
        wake |= _stop_queued(tx, run_id, by_run[run_id], contexts)
    if folding.activities:
        inventory.set_activity(tx, folding.activities)
    return wake


def _count_warnings(tx: Tx, run_id: str, device_indexes: list[int], contexts: Contexts) -> None:
    continuing = contexts.of(tx, [run_id])[run_id].steps_that(OnFailure.CONTINUE)
    if not continuing:
        return
    counts = dict.fromkeys(device_indexes, 0)
    for device_index, _ in steps.failed_last(tx, run_id, device_indexes, continuing):
        counts[device_index] += 1
    steps.set_warnings(tx, run_id, counts)


def _stop_queued(tx: Tx, run_id: str, device_indexes: list[int], contexts: Contexts) -> set[str]:
    """`on_failure: stop_run`: the device answered and the step failed, so the queued device runs are stopped."""
    stopping = contexts.of(tx, [run_id])[run_id].steps_that(OnFailure.STOP_RUN)
    if not stopping:
        return set()
    found = steps.failed_last(tx, run_id, device_indexes, stopping, (StepStatus.FAILED.value,))
    if not found:
        return set()
    device_index, step_index = found[0]
    message = reasons.STEP_STOPS_RUN.format(step=step_index + 1, device=device_index)
    return close(tx, leases.queued_of_run(tx, run_id), DeviceRunStatus.STOPPED, message)


class CallbackWriter:
    """The group-commit queue in front of the database. `submit` returns when the answer is on disk."""

    def __init__(
        self,
        database: Database,
        periods: Periods,
        on_wake: Callable[[str], None],
        max_queued_events: int = MAX_QUEUED_EVENTS,
    ) -> None:
        self._database = database
        self._periods = periods
        self._on_wake = on_wake
        self._max_queued_events = max_queued_events
        self._contexts = Contexts()
        self._queue: list[tuple[Request, asyncio.Future[Reply]]] = []
        self._queued_events = 0
        self._has_work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="callback-writer")

    @property
    def queued_events(self) -> int:
        """Events that wait for their commit."""
        return self._queued_events

    async def close(self) -> None:
        """Answer what is queued, then stop; new requests are refused as busy."""
        self._is_closing = True
        self._has_work.set()
        if self._task is not None:
            await self._task

    async def submit(self, request: Request) -> Reply:
        """Queue one request and wait for its commit; Busy when the queue is full."""
        if self._is_closing or self._queued_events + len(request.items) > self._max_queued_events:
            raise Busy("too many callbacks are waiting for the disk; nothing of this request was stored, send it again")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._queue.append((request, future))
        self._queued_events += len(request.items)
        self._has_work.set()
        return await future

    async def _run(self) -> None:
        while True:
            await self._has_work.wait()
            group = self._next_group()
            if not group:
                self._has_work.clear()
                if self._is_closing:
                    return
                continue
            await self._commit(group)

    def _next_group(self) -> list[tuple[Request, asyncio.Future[Reply]]]:
        size, count = 0, 0
        for request, _ in self._queue:
            size += len(request.items)
            count += 1
            if size >= MAX_GROUP_EVENTS:
                break
        group, self._queue = self._queue[:count], self._queue[count:]
        self._queued_events -= size
        return group

    async def _commit(self, group: list[tuple[Request, asyncio.Future[Reply]]]) -> None:
        try:
            replies = await self._apply([request for request, _ in group])
        except Exception as error:  # the group failed as a whole: find whose fault it is, one request at a time
            if len(group) > 1:
                log.warning("group commit failed, trying one by one", requests=len(group), error=repr(error))
                for single in group:
                    await self._commit([single])
                return
            log.exception("callback failed", node_id=group[0][0].node_id)
            _fail(group[0][1], error)
            return
        for (_, future), reply in zip(group, replies, strict=True):
            if not future.done():
                future.set_result(reply)

    async def _apply(self, requests: list[Request]) -> list[Reply]:
        beats, events = _none(requests), _none(requests)
        if any(is_beat(item) for request in requests for item in request.items):
            beats = await self._database.write(apply_beats, requests, self._periods)
        if any(not is_beat(item) for request in requests for item in request.items):
            events = await self._database.write(apply_events, requests, self._periods, self._contexts)
        for node_id in beats.wake | events.wake:
            self._on_wake(node_id)
        return [_merge(r, b, e) for r, b, e in zip(requests, beats.replies, events.replies, strict=True)]


def _none(requests: Sequence[Request]) -> Applied:
    return Applied([Reply(())] * len(requests), frozenset())


def _merge(request: Request, beats: Reply, events: Reply) -> Reply:
    of_beats, of_events = iter(beats.results), iter(events.results)
    results = tuple(next(of_beats if is_beat(item) else of_events) for item in request.items)
    return Reply(results, beats.renewed, beats.cancelled, beats.pardoned, beats.server_time)


def _fail(future: asyncio.Future[Reply], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
