"""Workers: Procrastinate does the table of jobs, and what a dead worker left is cleared away."""

import asyncio
from pathlib import Path
from typing import Any

import procrastinate
import pytest
from procrastinate.exceptions import AlreadyEnqueued

from rackhand.core.errors import Conflict
from rackhand.server.content_desk import make_desk
from rackhand.server.jobs import JOBS, Place
from rackhand.server.settings import Settings
from rackhand.server.vault import open_vault
from rackhand.server.worker import cron_of, make_tasks, work
from rackhand.store import queue
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.db import Database
from rackhand.store.fake import DatabasePlace
from rackhand.store.jobs import all_jobs

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
OLD = f"UPDATE {queue.SCHEMA}.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"


def app_on(db: Database, url: str, folder: Path) -> procrastinate.App:
    blobs = DirectoryBlobs(folder)
    settings = Settings(data=folder)
    desk = make_desk(db, settings, open_vault("", folder), blobs)
    place = Place(db, settings, blobs, blobs, lambda _: None, lambda: False, desk)
    app = procrastinate.App(connector=queue.make_connector(url))
    make_tasks(app, place)
    app.periodic_registry.periodic_tasks.clear()  # these stories defer for themselves, at times of their own
    return app


async def work_off(app: procrastinate.App) -> None:
    await app.run_worker_async(
        wait=False, install_signal_handlers=False, listen_notify=False, delete_jobs="always", concurrency=4
    )


@on_postgresql
def test_a_period_that_was_deferred_twice_is_done_once(database: DatabasePlace, tmp_path: Path) -> None:
    async def story() -> None:
        async with database.started() as db:
            made = await asyncio.gather(queue.prepare(database.url), queue.prepare(database.url))
            assert sorted(made) == [False, True], "workers that start together make one schema"
            app = app_on(db, database.url, tmp_path)
            async with app.open_async():
                history = app.tasks["rackhand.history"]
                await history.defer_async(timestamp=600_000)
                with pytest.raises(AlreadyEnqueued):
                    await history.defer_async(timestamp=600_000)
                await work_off(app)
                (first,) = [row for row in await db.read(all_jobs) if row.name == "history"]
                assert first.succeeded_at is not None
                database.clock.advance(1000)
                await history.defer_async(timestamp=600_001)
                await work_off(app)
                assert [row for row in await db.read(all_jobs) if row.name == "history"] == [first]

    asyncio.run(story())


@on_postgresql
def test_what_a_dead_worker_left_is_cleared_away(database: DatabasePlace, tmp_path: Path) -> None:
    async def story() -> None:
        async with database.started() as db:
            await queue.prepare(database.url)
            app = app_on(db, database.url, tmp_path)
            async with app.open_async():
                dead = await app.job_manager.register_worker()
                await app.tasks["rackhand.history"].defer_async(timestamp=600_000)
                assert await app.job_manager.fetch_job(None, dead) is not None
                await app.connector.execute_query_async(OLD)
                await app.tasks["rackhand.clear"].defer_async(timestamp=0)
                await work_off(app)
                left = {job.task_name for job in await app.job_manager.list_jobs_async()}
                assert not left & {"rackhand.history", "rackhand.clear"}, "short beats may have begun another one"

    asyncio.run(story())


def test_workers_need_postgresql(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="workers need PostgreSQL; nothing was started"):
        asyncio.run(work(Settings(data=tmp_path), lambda: None))


@pytest.mark.parametrize(
    ("period_ms", "cron"),
    [
        (100, "* * * * * */1"),
        (59_999, "* * * * * */30"),
        (60_000, "*/1 * * * *"),
        (600_000, "*/10 * * * *"),
        (700_000, "*/10 * * * *"),
        (3_600_000, "0 */1 * * *"),
        (90_000_000, "0 0 * * *"),
    ],
)
def test_the_beat_is_never_longer_than_the_period(period_ms: int, cron: str) -> None:
    assert cron_of(period_ms) == cron


@pytest.mark.parametrize(
    ("url", "conninfo"),
    [
        ("postgres://a:p%40@h:1/db?ssl=require", "postgresql://a:p%40@h:1/db?sslmode=require"),
        ("postgresql+asyncpg:///db?host=/run/pg", "postgresql:///db?host=%2Frun%2Fpg"),
    ],
)
def test_addresses_are_written_as_libpq_wants_them(url: str, conninfo: str) -> None:
    assert queue.to_conninfo(url) == conninfo


def test_every_job_is_a_periodic_task() -> None:
    nobody: Any = None
    app = procrastinate.App(connector=queue.make_connector("postgresql:///nothing"))
    make_tasks(app, Place(nobody, Settings(), nobody, nobody, nobody, nobody, nobody))

    assert {name for name, _ in app.periodic_registry.periodic_tasks} == {
        "rackhand.clear",
        *(f"rackhand.{job.name}" for job in JOBS),
    }
