"""Hints between processes: heard by all others and not by oneself, and the line comes back when it was cut."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from rackhand.store.db import Database, Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.hints import CHANNEL, MAX_PAYLOAD, Hints, payloads

SOON_S = 30.0
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()
"""


class Ear:
    """Remembers what it heard; `*` stands for everybody."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def hear(self, node_ids: Iterable[str]) -> None:
        for node_id in node_ids:
            self.heard.put_nowait(node_id)

    def hear_all(self) -> None:
        self.heard.put_nowait("*")

    async def next(self) -> str:
        return await asyncio.wait_for(self.heard.get(), SOON_S)


@asynccontextmanager
async def listening(db: Database) -> AsyncIterator[tuple[Ear, Hints]]:
    """A process on the database, connected."""
    ear = Ear()
    hints = db.hints(ear)
    assert hints is not None
    hints.start()
    try:
        assert await ear.next() == "*"
        yield ear, hints
    finally:
        await hints.close()


def test_there_is_nobody_to_hear_on_sqlite(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            assert (db.hints(Ear()) is None) == (database.dialect == "sqlite")

    asyncio.run(story())


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_hint_reaches_every_other_process(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db, listening(db) as (mine, hints), listening(db) as (other, answers):
            hints.send({"PC-01"})
            assert await other.next() == "PC-01"
            answers.send({"PC-02"})
            assert await mine.next() == "PC-02", "the sender heard itself"

    asyncio.run(story())


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_line_that_was_cut_comes_back_and_everybody_looks(database: DatabasePlace) -> None:
    def cut(tx: Tx) -> None:
        tx.conn.exec_driver_sql(CUT)

    async def story() -> None:
        async with database.started() as db, listening(db) as (mine, hints), listening(db) as (other, answers):
            await db.write(cut)
            hints.send({"PC-01"})  # nobody listens now: it is kept
            assert [await other.next() for _ in range(2)] == ["*", "*"], "once for the loss, once for the return"
            assert [await mine.next() for _ in range(2)] == ["*", "*"]
            answers.send({"PC-02"})
            hints.send({"PC-03"})
            while await mine.next() != "PC-02":
                pass
            while await other.next() != "PC-03":
                pass
            assert (hints.connections, answers.connections) == (2, 2)

    asyncio.run(story())


def test_a_database_that_is_not_there_is_tried_again_until_the_end() -> None:
    async def story() -> None:
        place = DatabasePlace("postgresql://nobody@127.0.0.1:1/nothing", "postgresql")
        hints = place.open().hints(Ear())
        assert hints is not None
        hints.start()
        await asyncio.sleep(0)
        assert not hints.is_connected
        await asyncio.wait_for(hints.close(), SOON_S)

    asyncio.run(story())


def test_many_ids_share_a_payload_that_fits() -> None:
    ids = [f"PC-{number:04}" for number in range(3000)]

    made = list(payloads(ids))

    assert " ".join(made).split() == ids
    assert len(made) == 4
    assert all(len(payload) <= MAX_PAYLOAD for payload in made)
    assert list(payloads([])) == []
    assert CHANNEL.isidentifier()
