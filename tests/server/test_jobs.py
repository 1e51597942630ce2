"""Background jobs: each period is done once, whoever tries; what fails is noted and tried again in the next."""

import asyncio
from pathlib import Path

import pytest

from rackhand.engine import login_links
from rackhand.engine.sessions import hash_secret
from rackhand.server import jobs
from rackhand.server.content_desk import make_desk
from rackhand.server.fake import ServerPlace
from rackhand.server.jobs import JOBS, Job, Place
from rackhand.server.settings import Settings
from rackhand.server.vault import open_vault
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.db import Database, Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.jobs import JobRow, all_jobs
from rackhand.store.sessions import is_link

DAY_MS = 86_400_000


def place_of(db: Database, folder: Path) -> Place:
    files, artifacts = DirectoryBlobs(folder / "files"), DirectoryBlobs(folder / "artifacts")
    settings = Settings(data=folder)
    desk = make_desk(db, settings, open_vault("", folder), artifacts)
    return Place(db, settings, files, artifacts, lambda _: None, lambda: False, desk)


class Counting:
    """A job that counts, and fails when told."""

    def __init__(self) -> None:
        self.done = 0
        self.fails = False
        self.job = Job("count", "Counts", lambda _: 1000, self.run)

    async def run(self, _: Place) -> None:
        self.done += 1
        if self.fails:
            raise ConnectionError("nobody answers")


async def row_of(db: Database) -> JobRow:
    (row,) = await db.read(all_jobs)
    return row


def test_a_period_is_done_once_whoever_tries(database: DatabasePlace, tmp_path: Path) -> None:
    async def story() -> None:
        async with database.started() as one, database.started() as two:
            counting = Counting()
            places = [place_of(one, tmp_path), place_of(two, tmp_path)] * 3
            tried = await asyncio.gather(*(jobs.do(place, counting.job, 7) for place in places))
            assert (sorted(tried), counting.done) == ([False] * 5 + [True], 1)
            assert not await jobs.do(places[0], counting.job, 6), "an earlier period is over"
            assert await jobs.do(places[1], counting.job, 8)
            assert counting.done == 2
            row = await row_of(one)
            assert (row.name, row.finished_at, row.error_message) == ("count", row.succeeded_at, None)

    asyncio.run(story())


def test_what_fails_is_noted_and_done_again_in_the_next_period(database: DatabasePlace, tmp_path: Path) -> None:
    async def story() -> None:
        async with database.started() as db:
            counting, place = Counting(), place_of(db, tmp_path)
            counting.fails = True
            with pytest.raises(ConnectionError):
                await jobs.do(place, counting.job, 1)
            failed = await row_of(db)
            assert (failed.succeeded_at, failed.error_message) == (None, "ConnectionError: nobody answers")
            assert not await jobs.do(place, counting.job, 1)
            counting.fails = False
            assert await jobs.do(place, counting.job, 2)
            assert (await row_of(db)).error_message is None

    asyncio.run(story())


def test_the_jobs_forget_what_ran_out(database: DatabasePlace, tmp_path: Path) -> None:
    def links(tx: Tx) -> int:
        return len(tx.conn.exec_driver_sql("SELECT 1 FROM login_links").all())

    async def story() -> None:
        async with database.started() as db:
            secret = await db.write(login_links.make_link)
            assert await db.read(is_link, hash_secret(secret))
            database.clock.advance(2 * DAY_MS)
            for job in JOBS:
                assert await jobs.do(place_of(db, tmp_path), job, 1)
            assert await db.read(links) == 0

    asyncio.run(story())


def test_a_server_does_them_unless_told_otherwise(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert await api.db.read(all_jobs) == []
        assert Settings().embedded_jobs
        async with server.open(embedded_jobs=True) as api:
            while len([row for row in await api.db.read(all_jobs) if row.succeeded_at]) < len(JOBS):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            assert 'rackhand_job_success_timestamp_seconds{job="history"}' in (await api.get("/metrics")).text

    asyncio.run(story())


def test_names_are_unique_and_periods_are_settings_or_constants() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    assert all(job.period_ms(Settings()) >= 5_000 for job in JOBS)
    assert jobs.slot_of(JOBS[0], Settings(schedule_ms=1000), 12_345) == 12
