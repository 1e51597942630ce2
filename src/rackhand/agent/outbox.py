"""Delivery: stored events go to the server in order, in batches, until each one has its verdict.

`invalid` ones go to the dead-letter file and are reported; `stale` ones are dropped; both are logged. A batch that the
server refuses as a whole is halved until the culprit stands alone.
"""

import asyncio
import logging
from itertools import islice
from pathlib import Path

import msgspec

from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable
from rackhand.agent.journal import JournalError
from rackhand.agent.logs import about
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentPeriods
from rackhand.agent.spool import Change, Spool, StoredEvent
from rackhand.agent.trouble import Trouble
from rackhand.agent.waking import Backoff
from rackhand.wire.messages import MAX_BATCH, BatchAnswer, BatchResult

MAX_BATCH_BYTES = 1024 * 1024
CALLBACK = "/api/nodes/callback"
_ON_THE_WHOLE = frozenset({400, 413, 422})
_decode = msgspec.json.Decoder(BatchAnswer).decode
log = logging.getLogger(__name__)


class _Names(msgspec.Struct):
    """What an event says of whom it is about."""

    run_id: str = ""
    device_index: int | None = None


class _Named(msgspec.Struct):
    payload: _Names


def _names_in(event: StoredEvent) -> dict[str, object]:
    names = msgspec.json.decode(event.body, type=_Named).payload
    return {"run_id": names.run_id, "device": names.device_index} if names.run_id else {}


def take_batch(spool: Spool, most: int) -> list[StoredEvent]:
    """The oldest events: at most `most`, and not many more bytes than the bound."""
    batch: list[StoredEvent] = []
    size = 0
    for event in islice(spool.events.values(), most):
        size += len(bytes(event.body))
        if batch and size > MAX_BATCH_BYTES:
            break
        batch.append(event)
    return batch


class Outbox:
    """The loop that empties the spool. `trouble` is what a heartbeat should say of it."""

    def __init__(
        self, spool: Spool, client: ServerClient, time: ServerTime, periods: AgentPeriods, dead_letters: Path
    ) -> None:
        self._spool = spool
        self._client = client
        self._time = time
        self._periods = periods
        self._dead_letters = dead_letters
        self._most = MAX_BATCH
        self.trouble = Trouble()

    async def run(self) -> None:
        """Deliver for ever; each failure waits longer than the one before."""
        backoff = Backoff(self._periods)
        while True:
            if not self._spool.events:
                await self._spool.wake.wait()
                continue
            try:
                await self.deliver_once()
                backoff.reset()
            except (ServerUnreachable, ServerRefused, JournalError) as error:
                pause = backoff.next_ms(getattr(error, "retry_after_ms", 0))
                log.warning("events wait (%d): %s", len(self._spool.events), error)
                await asyncio.sleep(pause / 1000)

    async def deliver_once(self) -> None:
        """One batch and its verdicts."""
        batch = take_batch(self._spool, self._most)
        body = b'{"events":[' + b",".join(bytes(event.body) for event in batch) + b"]}"
        try:
            answer = _decode(await self._client.post(CALLBACK, body, self._periods.request_ms))
        except msgspec.DecodeError as error:
            raise ServerUnreachable(f"the answer to a callback makes no sense: {error}") from None
        except ServerRefused as error:
            if error.status not in _ON_THE_WHOLE:
                raise
            await self._isolate(batch, error)
            return
        self._most = MAX_BATCH
        self._time.observe(answer.server_time)
        await self._settle({event.event_id: event for event in batch}, answer.results)

    async def _isolate(self, batch: list[StoredEvent], error: ServerRefused) -> None:
        if len(batch) > 1:
            self._most = len(batch) // 2
            return
        result = BatchResult(event_id=batch[0].event_id, status="invalid", error=str(error))
        await self._settle({batch[0].event_id: batch[0]}, [result])

    async def _settle(self, batch: dict[str, StoredEvent], results: list[BatchResult]) -> None:
        acked, refused = [], []
        for result in results:
            event = batch.get(result.event_id)
            if event is None:
                continue
            if result.status in ("accepted", "duplicate"):
                acked.append(event.event_id)
                continue
            refused.append(event.event_id)
            with about(**_names_in(event)):
                self._note_refusal(event, result)
        if not acked and not refused:
            raise ServerUnreachable("the answer to a callback names none of the events that were sent")
        await self._spool.commit(Change(acked=acked, refused=refused))

    def _note_refusal(self, event: StoredEvent, result: BatchResult) -> None:
        if result.status == "stale":
            log.info("the server dropped %s %s: its lease is over", event.type, event.event_id)
            return
        self.trouble.say(f"the server calls {event.type} {event.event_id} invalid: {result.error}")
        log.error("%s; it is kept in %s", self.trouble.text, self._dead_letters)
        letter = {"at": self._time.stamp(), "error": result.error, "event": event.body}
        try:
            with self._dead_letters.open("ab") as file:
                file.write(msgspec.json.encode(letter) + b"\n")
        except OSError as failure:  # it must not hold up the events behind it
            log.error("no: %s cannot be written (%s); the event was %s", self._dead_letters, failure, bytes(event.body))
