"""When the database itself cannot, callers are told to try again; errors of ours stay errors."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from rackhand.core.errors import Busy
from rackhand.store.connect import make_database
from rackhand.store.db import Tx
from rackhand.store.db_sqlite import driver
from rackhand.store.fake import DatabasePlace


def broken(tx: Tx) -> None:
    tx.conn.execute(text("SELECT no_such_column FROM workspaces"))


def test_an_error_of_ours_is_no_outage(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(DBAPIError):
                await db.write(broken)

    asyncio.run(story())


def test_a_server_that_is_not_there_is_busy(tmp_path: Path) -> None:
    async def story() -> None:
        db = make_database("postgresql://nobody@127.0.0.1:1/none", tmp_path)
        try:
            with pytest.raises(Busy, match="send the same request again"):
                await db.start()
        finally:
            await db.close()

    asyncio.run(story())


def end_own_connection(tx: Tx) -> None:
    tx.conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_lost_connection_is_busy_and_the_next_call_works(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(Busy):
                await db.write(end_own_connection)
            await db.ping()

    asyncio.run(story())


def fill(tx: Tx) -> None:
    tx.conn.execute(text("PRAGMA max_page_count = 1"))
    tx.conn.execute(text("CREATE TABLE filler (x TEXT)"))
    tx.conn.execute(text("INSERT INTO filler VALUES (:x)"), {"x": "y" * 1_000_000})


def fill_past_sqlalchemy(tx: Tx) -> None:
    """As the event ingest writes: over the driver's own cursor."""
    tx.conn.execute(text("PRAGMA max_page_count = 1"))
    cursor = tx.conn.connection.cursor()
    cursor.execute("CREATE TABLE filler (x TEXT)")
    cursor.execute("INSERT INTO filler VALUES (?)", ("y" * 1_000_000,))


def mistake_past_sqlalchemy(tx: Tx) -> None:
    tx.conn.connection.cursor().execute("SELECT no_such_column FROM workspaces")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_is_busy_by_whichever_way(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(Busy, match="full"):
                await db.write(fill_past_sqlalchemy)
            with pytest.raises(driver().OperationalError, match="no_such_column"):
                await db.write(mistake_past_sqlalchemy)

    asyncio.run(story())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_is_busy(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(Busy, match="full"):
                await db.write(fill)

    asyncio.run(story())
