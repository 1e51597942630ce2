"""Bugs planted on purpose, to prove that the lab sees them. Each replaces one function of the product in one process.

Only `launch` sows them, and only when CHAOS_PLANT names one; the product knows nothing of them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

VARIABLE = "CHAOS_PLANT"


@dataclass(frozen=True, slots=True)
class Plant:
    """A bug: what is wrong, in which process, how it is made, and the seed of a schedule that catches it."""

    help: str
    where: Literal["server", "agent"]
    make: Callable[[], None]
    seed: int

    def sow(self, *, is_server: bool) -> None:
        if is_server == (self.where == "server"):
            self.make()


def _replace(place: object, **values: object) -> None:
    """Other functions under the names of the product's own."""
    for name, value in values.items():
        setattr(place, name, value)


def _ignore_fencing() -> None:
    from rackhand.core import events
    from rackhand.core.lease import Standing
    from rackhand.engine import folding

    def standing(*_: object) -> Standing:
        return Standing.LIVE

    def fold_finish(row: Any, fact: Any) -> Any:
        return replace(row, status=fact.status, finished_seq=fact.seq, finished_at=fact.at)

    _replace(events, standing=standing, _fold_finish=fold_finish)
    _replace(folding, standing=standing)


def _apply_before_looking() -> None:
    from rackhand.engine.folding import Folding, Result

    def take(self: Any, node_id: str, item: Any) -> Result:
        from rackhand.engine.folding import _FIRST

        verdict, error = self._judge(node_id, item)
        if not self.is_known((node_id, item.event_id)):
            self.record(node_id, item, verdict)
        return Result(item.event_id, _FIRST[verdict], error)

    _replace(Folding, take=take)


def _repeat_once() -> None:
    from rackhand.core import policy

    def may_repeat(end: Any) -> bool:
        return bool(end.is_restart or end.attempts_charged <= end.retry_count)

    _replace(policy, _may_repeat=may_repeat)


def _late_moves_status() -> None:
    from rackhand.core import events

    def fold_late(row: Any, fact: Any) -> Any:
        if isinstance(fact, events.TaskFinished):
            return replace(row, status=fact.status, late_status=fact.status)
        return row

    _replace(events, _fold_late=fold_late)


def _never_lost() -> None:
    from rackhand.engine import sweep

    _replace(sweep, _RULES=tuple(rule for rule in sweep._RULES if rule.__name__ != "_lost"))


def _answer_before_commit() -> None:
    from rackhand.engine import callbacks
    from rackhand.engine.folding import Result

    commit = callbacks.CallbackWriter._commit

    async def hasty(self: Any, group: list[Any]) -> None:
        for request, future in group:
            if not any(callbacks.is_beat(item) for item in request.items):
                results = tuple(Result(item.event_id, "accepted") for item in request.items)
                future.set_result(callbacks.Reply(results, server_time=""))
        await asyncio.sleep(0.2)
        await commit(self, group)

    _replace(callbacks.CallbackWriter, _commit=hasty)


def _touch_before_answer() -> None:
    from rackhand.agent.executor import DeviceRun

    async def at_once(self: Any) -> bool:
        return True

    _replace(DeviceRun, _until_started=at_once)


def _ignore_lease_end() -> None:
    from rackhand.agent import leases

    def standing(self: Any, token: str) -> leases.Standing:
        lease = self._held.get(token)
        return leases.Standing.CANCELLED if lease is None else leases.Standing.LIVE

    _replace(leases.Leases, standing=standing)


def _forget_unsent() -> None:
    from rackhand.agent.client import ServerUnreachable
    from rackhand.agent.outbox import Outbox, take_batch
    from rackhand.agent.spool import Change

    deliver_once = Outbox.deliver_once

    async def forgetful(self: Any) -> None:
        batch = take_batch(self._spool, self._most)
        try:
            await deliver_once(self)
        except ServerUnreachable:
            await self._spool.commit(Change(acked=[event.event_id for event in batch]))

    _replace(Outbox, deliver_once=forgetful)


def _drop_torn_journal() -> None:
    from rackhand.agent import journal

    read = journal.read

    def strict(path: Any) -> journal.Reading:
        reading = read(path)
        if not reading.damaged_bytes:
            return reading
        journal.replace_file(path, [])
        return journal.Reading([], reading.damaged_bytes)

    _replace(journal, read=strict)


def _trust_uploads() -> None:
    from rackhand.store.blobs import DirectoryBlobs

    put = DirectoryBlobs.put

    async def trusting(self: Any, key: Any, chunks: Any, *, max_size: int, expected_sha256: Any = None) -> Any:
        return await put(self, key, chunks, max_size=max_size)

    _replace(DirectoryBlobs, put=trusting)


def _forgive_no_gap() -> None:
    from rackhand.engine import sweep

    _replace(sweep, sweep_gap_ms=lambda *_: None)


PLANTS = {
    "lease_check_removed": Plant(
        "the server takes facts of a fenced lease for live ones", "server", _ignore_fencing, 4939
    ),
    "duplicate_after_apply": Plant("an event is applied before it is looked up", "server", _apply_before_looking, 139),
    "once_repeated": Plant("a `once` step of unknown outcome is tried again", "agent", _repeat_once, 3201),
    "late_moves_status": Plant("a late result replaces `lost`", "server", _late_moves_status, 4939),
    "never_lost": Plant("the sweep closes no device run of a silent node", "server", _never_lost, 1489),
    "answer_before_commit": Plant(
        "an event is acknowledged before it is on disk", "server", _answer_before_commit, 4700
    ),
    "touch_before_answer": Plant(
        "a device is touched before `task_started` is answered", "agent", _touch_before_answer, 108
    ),
    "lease_end_ignored": Plant(
        "an agent without contact goes on as if its leases lived", "agent", _ignore_lease_end, 3063
    ),
    "unsent_forgotten": Plant("events of a failed delivery are taken for delivered", "agent", _forget_unsent, 355),
    "torn_journal_dropped": Plant("a torn record at its end costs the whole outbox", "agent", _drop_torn_journal, 5004),
    "uploads_trusted": Plant("the digest of an upload is not checked", "server", _trust_uploads, 5969),
    "gap_not_forgiven": Plant("a pause or clock jump of all servers counts as silence", "server", _forgive_no_gap, 32),
}
