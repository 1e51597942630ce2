"""Stories of the door to the database: commit, rollback, clock, cancellation."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from rackhand.store.connect import make_database
from rackhand.store.db import Tx
from rackhand.store.fake import MORNING, DatabasePlace
from rackhand.store.tables import nodes, workspaces


def bump(tx: Tx) -> int:
    change = update(workspaces).where(workspaces.c.id == tx.workspace_id).values(fleet_rev=workspaces.c.fleet_rev + 1)
    return int(tx.conn.execute(change.returning(workspaces.c.fleet_rev)).scalar_one())


def read_rev(tx: Tx) -> int:
    return int(tx.conn.execute(select(workspaces.c.fleet_rev)).scalar_one())


def test_a_write_is_committed_and_seen_by_another_opening(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db, database.started() as other:
            assert db.dialect == database.dialect
            assert await db.write(bump) == 1
            assert await other.read(read_rev) == 1
            await other.ping()

    asyncio.run(story())


def test_an_exception_rolls_back_and_reaches_the_caller(database: DatabasePlace) -> None:
    def bump_and_fail(tx: Tx, message: str) -> None:
        bump(tx)
        raise KeyError(message)

    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(KeyError, match="dice"):
                await db.write(bump_and_fail, "dice")
            assert await db.read(read_rev) == 0
            assert await db.write(bump) == 1

    asyncio.run(story())


def test_a_read_cannot_write(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(DBAPIError):
                await db.read(bump)
            assert await db.read(read_rev) == 0

    asyncio.run(story())


def test_a_read_sees_one_snapshot(database: DatabasePlace) -> None:
    has_read, may_go_on = threading.Event(), threading.Event()

    def read_twice(tx: Tx) -> tuple[int, int]:
        first = read_rev(tx)
        has_read.set()
        assert may_go_on.wait(30)
        return first, read_rev(tx)

    async def on_a_thread() -> tuple[int, int]:
        async with database.started() as db:
            return await db.read(read_twice)

    async def story() -> None:
        async with database.started() as db:
            reading = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(on_a_thread())))
            assert await asyncio.to_thread(has_read.wait, 30)
            assert await db.write(bump) == 1
            may_go_on.set()
            assert await reading == (0, 0)

    asyncio.run(story())


def test_the_time_stands_still_within_a_transaction(database: DatabasePlace) -> None:
    def look_twice(tx: Tx) -> tuple[int, int]:
        first = tx.now
        database.clock.advance(5)
        return first, tx.now

    async def story() -> None:
        async with database.started() as db:
            assert await db.write(look_twice) == (MORNING, MORNING)
            assert await db.write(look_twice) == (MORNING + 5, MORNING + 5)

    asyncio.run(story())


def test_without_an_injected_clock_the_time_is_real(database: DatabasePlace) -> None:
    async def story() -> None:
        db = make_database(database.url, Path())
        await db.start()
        try:
            assert await db.write(lambda tx: tx.now) > MORNING - 1_000_000_000
            ids = await db.write(lambda tx: [tx.mint() for _ in range(3)])
            assert len(set(ids)) == 3
            assert {len(made) for made in ids} == {36}
        finally:
            await db.close()

    asyncio.run(story())


def test_a_cancelled_caller_loses_no_commit(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            impatient = [asyncio.create_task(db.write(bump)) for _ in range(5)]
            await asyncio.sleep(0)
            for task in impatient:
                task.cancel()
            assert all(
                isinstance(end, asyncio.CancelledError)
                for end in await asyncio.gather(*impatient, return_exceptions=True)
            )
            while await db.read(read_rev) < 5:
                await db.ping()
            assert await db.write(bump) == 6

    asyncio.run(story())


def test_concurrent_writes_lose_nothing(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db, database.started() as replica:
            revs = await asyncio.gather(*(one.write(bump) for one in [db, replica] * 20))
            assert sorted(revs) == list(range(1, 41))

    asyncio.run(story())


def test_the_schema_refuses_an_unknown_state(database: DatabasePlace) -> None:
    def enrol(tx: Tx, state: str) -> None:
        tx.conn.execute(
            nodes.insert().values(
                workspace_id=tx.workspace_id, id="PC-01", name="one", token_hash="x", state=state, created_at=tx.now
            )
        )

    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(IntegrityError, match="ck_nodes_state"):
                await db.write(enrol, "asleep")
            await db.write(enrol, "draining")

    asyncio.run(story())


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_an_unusable_address_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(ValueError, match=r"database"):
        make_database(url, Path())


def test_the_default_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    async def story() -> None:
        db = make_database(None, tmp_path / "new" / "data")
        await db.start()
        await db.close()

    asyncio.run(story())
    assert (tmp_path / "new" / "data" / "rackhand.sqlite3").exists()
