"""Delivery: in order, in batches, each event until its verdict; poison hurts nobody else."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from rackhand.agent.client import ServerClient, ServerRefused
from rackhand.agent.fake import FAST, FakeServer, make_step
from rackhand.agent.outbox import MAX_BATCH_BYTES, Outbox, take_batch
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings
from rackhand.agent.spool import Change, Spool, StoredEvent
from rackhand.wire.messages import Event


def scan_event(number: int, **payload: Any) -> StoredEvent:
    body = {"scan_job_id": f"s{number}", "status": "running", **payload}
    event = Event(event_id=f"e{number}", type="scan_progress", node_id="PC-01", payload=Raw(json.dumps(body).encode()))
    return StoredEvent(event_id=f"e{number}", type="scan_progress", body=Raw(msgspec.json.encode(event)))


class Place:
    """An outbox of its own, with a client for the fake server."""

    def __init__(self, folder: Path, server: FakeServer) -> None:
        self.settings = AgentSettings(server.url, "PC-01", "secret", folder)
        self.spool = Spool.open(self.settings.journal_path)
        time = ServerTime()
        self.client = ServerClient(self.settings, time)
        self.outbox = Outbox(self.spool, self.client, time, FAST, self.settings.dead_letter_path)

    async def store(self, *events: StoredEvent) -> None:
        await self.spool.commit(Change(events=list(events)))

    async def drain(self) -> None:
        while self.spool.events:
            await self.outbox.deliver_once()

    async def close(self) -> None:
        await self.client.__aexit__(None, None, None)
        await self.spool.close()


def test_events_arrive_once_and_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            place = Place(tmp_path, server)
            await place.store(*(scan_event(n) for n in range(2_500)))
            await place.drain()
            await place.close()

            assert [seen.event.event_id for seen in server.events] == [f"e{n}" for n in range(2_500)]
            assert len(server.requests) == 3

    asyncio.run(story())


def test_an_event_whose_answer_was_lost_is_a_duplicate_and_done(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            place = Place(tmp_path, server)
            await place.store(scan_event(1))
            await place.drain()
            await place.store(scan_event(1))
            await place.drain()
            await place.close()

            assert len(server.events) == 1

    asyncio.run(story())


def test_a_poison_event_goes_to_the_dead_letters_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            place = Place(tmp_path, server)
            await place.store(scan_event(1), scan_event(2, status="nonsense"), scan_event(3))
            await place.drain()
            await place.close()

            assert [seen.event.event_id for seen in server.events] == ["e1", "e3"]
            letter = json.loads(place.settings.dead_letter_path.read_bytes())
            assert letter["event"]["event_id"] == "e2"
            assert "status" in letter["error"]
            assert "e2 invalid" in place.outbox.trouble.text

    asyncio.run(story())


def test_a_batch_that_is_refused_as_a_whole_is_halved_to_its_culprit(tmp_path: Path, monkeypatch: Any) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            place = Place(tmp_path, server)
            send = place.client.post

            async def refuse_e5(path: str, body: bytes, timeout_ms: int) -> bytes:
                if b'"e5"' in body:
                    raise ServerRefused(413, "too_large", "too large")
                return await send(path, body, timeout_ms)

            monkeypatch.setattr(place.client, "post", refuse_e5)
            await place.store(*(scan_event(n) for n in range(9)))
            await place.drain()
            await place.close()

            assert [seen.event.event_id for seen in server.events] == [f"e{n}" for n in range(9) if n != 5]
            assert json.loads(place.settings.dead_letter_path.read_bytes())["event"]["event_id"] == "e5"

    asyncio.run(story())


def test_stale_events_are_dropped_without_noise(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            server.judge = lambda event: "stale" if event.event_id == "e1" else ""
            place = Place(tmp_path, server)
            await place.store(scan_event(1), scan_event(2))
            await place.drain()
            await place.close()

            assert [seen.event.event_id for seen in server.events] == ["e2"]
            assert not place.settings.dead_letter_path.exists()

    asyncio.run(story())


def test_a_batch_is_bounded_in_bytes_but_never_empty() -> None:
    spool = Spool()
    large = Raw(b'"' + b"x" * MAX_BATCH_BYTES + b'"')
    for n in range(3):
        spool.events[f"e{n}"] = StoredEvent(event_id=f"e{n}", type="scan_progress", body=large)

    assert [event.event_id for event in take_batch(spool, 1000)] == ["e0"]


def test_the_node_tells_of_its_dead_letters(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.judge = lambda event: "invalid" if event.type == "artifact_created" else ""
            job = r.server.give("SIM00001", make_step("screenshot"))
            end = await r.server.finished(job)
            await r.server.until(lambda: "invalid" in (r.server.beats[-1].node.last_error_message or ""))

            assert end.status == "succeeded"

    asyncio.run(story())


def test_dead_letters_that_cannot_be_written_hold_up_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            place = Place(tmp_path, server)
            place.settings.dead_letter_path.mkdir()
            await place.store(scan_event(1, status="nonsense"), scan_event(2))
            await place.drain()
            await place.close()

            assert [seen.event.event_id for seen in server.events] == ["e2"]

    asyncio.run(story())
