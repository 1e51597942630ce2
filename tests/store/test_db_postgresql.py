"""What only PostgreSQL can do to us: ask for a retry, drop the connection, sit behind a pooler."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from rackhand.core.errors import Busy
from rackhand.store.connect import make_database
from rackhand.store.db import Tx, answer_one
from rackhand.store.db_postgresql import SESSION, TRIES, to_async_url
from rackhand.store.fake import DatabasePlace

only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Clumsy:
    """A use case that PostgreSQL refuses with `code` the first `failures` times."""

    def __init__(self, code: str, failures: int) -> None:
        self.code = code
        self.failures = failures
        self.calls = 0

    def __call__(self, tx: Tx) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            tx.conn.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'clash' USING ERRCODE = '{self.code}'; END $$")
        return self.calls


@only_postgresql
@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_a_clash_between_transactions_is_tried_again(database: DatabasePlace, code: str) -> None:
    async def story() -> None:
        async with database.started() as db:
            assert await db.write(Clumsy(code, TRIES - 1)) == TRIES

    asyncio.run(story())


@only_postgresql
@pytest.mark.parametrize(("code", "calls"), [("40001", TRIES), ("23505", 1), ("22012", 1)])
def test_other_errors_and_endless_clashes_reach_the_caller(database: DatabasePlace, code: str, calls: int) -> None:
    async def story() -> None:
        async with database.started() as db:
            clumsy = Clumsy(code, 99)
            with pytest.raises(DBAPIError, match="clash"):
                await db.write(clumsy)
            assert clumsy.calls == calls

    asyncio.run(story())


@only_postgresql
def test_work_goes_on_after_the_server_dropped_the_connections(database: DatabasePlace) -> None:
    def drop_others(tx: Tx) -> None:
        tx.conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    async def story() -> None:
        async with database.started() as db, database.started() as other:
            assert await db.write(answer_one) == 1
            await other.write(drop_others)
            assert await db.write(answer_one) == 1
            assert await db.read(answer_one) == 1

    asyncio.run(story())


@only_postgresql
def test_what_was_lost_before_its_commit_is_done_again_and_not_for_ever(database: DatabasePlace) -> None:
    calls: list[int] = []

    def fall(tx: Tx, table: str, failures: int) -> int:
        calls.append(len(calls))
        tx.conn.exec_driver_sql(f"CREATE TABLE {table} (n int)")
        if len(calls) <= failures:
            tx.conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return len(calls)

    async def story() -> None:
        async with database.started() as db:
            assert await db.write(fall, "one", 2) == 3, "the table of the first two tries is gone"
            calls.clear()
            with pytest.raises(Busy):
                await db.write(fall, "two", 99)
            assert len(calls) == TRIES

    asyncio.run(story())


@only_postgresql
def test_a_transaction_that_nobody_ends_gives_its_locks_back(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            for name, value in SESSION.items():
                assert await db.write(lambda tx, n: tx.conn.exec_driver_sql(f"SHOW {n}").scalar_one(), name) == value

    asyncio.run(story())


@only_postgresql
def test_behind_a_pooler_no_statement_is_kept(database: DatabasePlace) -> None:
    def prepared(tx: Tx) -> int:
        return int(tx.conn.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one())

    async def story() -> None:
        db = make_database(database.url, Path(), statement_cache=False, pool_size=1)
        await db.start()
        try:
            for _ in range(3):
                await db.write(answer_one)
            assert await db.write(prepared) <= 1  # the question itself
        finally:
            await db.close()

    asyncio.run(story())


@only_postgresql
def test_the_time_is_the_databases(database: DatabasePlace) -> None:
    async def story() -> None:
        db = make_database(database.url, Path())
        await db.start()
        try:
            now, again, theirs = await db.write(
                lambda tx: (
                    tx.now,
                    tx.now,
                    tx.conn.exec_driver_sql("SELECT extract(epoch FROM transaction_timestamp()) * 1000").scalar_one(),
                )
            )
            assert now == again
            assert now >= int(theirs)
        finally:
            await db.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "host", "query"),
    [
        ("postgres://u:p@db.example:6543/rack?sslmode=require", "db.example", {"ssl": "require"}),
        ("postgresql://u@/rack?host=/run/pg", None, {"host": "/run/pg"}),
        ("postgresql+psycopg://db/rack", "db", {}),
    ],
)
def test_addresses_as_people_write_them(url: str, host: str | None, query: dict[str, str]) -> None:
    made = to_async_url(url)
    assert (made.drivername, made.host, made.database, dict(made.query)) == ("postgresql+asyncpg", host, "rack", query)
