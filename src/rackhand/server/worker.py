"""`rackhand worker`: Procrastinate workers that do the table of background jobs. Any number, on PostgreSQL only.

Procrastinate's periodic tasks are only the clock and the hands: the period is taken in our own table `jobs`, so that
workers, and servers that do jobs themselves, never do the same one twice.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import procrastinate
import structlog
from procrastinate.jobs import Status

from rackhand.core.errors import Conflict
from rackhand.server import jobs
from rackhand.server.content_desk import make_desk
from rackhand.server.courier import Courier
from rackhand.server.disks import Disks
from rackhand.server.jobs import JOBS, Job, Place
from rackhand.server.settings import Settings
from rackhand.server.vault import open_vault
from rackhand.server.wakeups import Wakeups
from rackhand.store import queue, schema
from rackhand.store.connect import make_blobs, make_database
from rackhand.store.db import Database

_log = structlog.get_logger("rackhand.worker")
CONCURRENCY = 4
GRACE_S = 20.0
"""How long jobs get to come to their end; those that do not are found again in the next period."""
_EVERY_MINUTE = "* * * * *"
_TICKS = (
    *((s, f"* * * * * */{s}") for s in (1, 2, 5, 10, 15, 30)),
    *((60 * m, f"*/{m} * * * *") for m in (1, 2, 5, 10, 15, 30)),
    *((3600 * h, f"0 */{h} * * *") for h in (1, 2, 4, 6, 12)),
    (86_400, "0 0 * * *"),
)
"""(seconds, cron) of even beats."""


def cron_of(period_ms: int) -> str:
    """The longest even beat that is not longer than the period; ticks in a period that is taken do nothing."""
    return next((cron for seconds, cron in reversed(_TICKS) if seconds * 1000 <= period_ms), _TICKS[0][1])


def make_tasks(app: procrastinate.App, place: Place) -> None:
    """One periodic task per job, and one that clears away what dead workers left."""
    for job in JOBS:
        app.periodic(cron=cron_of(job.period_ms(place.settings)))(
            app.task(name=f"rackhand.{job.name}", queueing_lock=job.name, pass_context=True)(_task(place, job))
        )

    @app.periodic(cron=_EVERY_MINUTE)
    @app.task(name="rackhand.clear", queueing_lock="clear")
    async def clear(timestamp: int) -> None:
        for stalled in await app.job_manager.get_stalled_jobs():
            if stalled.id is not None:
                await app.job_manager.finish_job_by_id_async(stalled.id, Status.FAILED, delete_job=True)


def _task(place: Place, job: Job) -> Callable[..., object]:
    async def run(context: procrastinate.JobContext, timestamp: int) -> None:
        now = replace(place, is_closing=context.should_abort)
        if await jobs.do(now, job, jobs.slot_of(job, place.settings, timestamp * 1000)):
            _log.info("did a job", job=job.name)

    return run


async def work(settings: Settings, ready: Callable[[], None]) -> None:
    """Work until SIGINT or SIGTERM; `ready` is called once the queue is open. Conflict on SQLite."""
    url = settings.database_direct_url or settings.database_url
    async with _database(settings) as database:
        await schema.upgrade(database)
        await queue.prepare(url)
        wakeups = Wakeups()
        hints = database.hints(wakeups)
        wakeups.connect(hints)
        files, artifacts = (make_blobs(settings.storage_url, settings.data, kind) for kind in ("files", "artifacts"))
        vault = open_vault(settings.secret_key, settings.data)
        courier = Courier.of(database, settings, vault)
        place = Place(
            db=database,
            settings=settings,
            files=files,
            artifacts=artifacts,
            wake=wakeups.wake_all,
            is_closing=lambda: False,
            desk=make_desk(database, settings, vault, artifacts),
            disks=Disks({"data": settings.data}, settings.min_free_mb),
            courier=courier,
        )
        app = procrastinate.App(connector=queue.make_connector(url))
        make_tasks(app, place)
        if hints is not None:
            hints.start()
        try:
            async with app.open_async():
                ready()
                await app.run_worker_async(
                    name=place.holder,
                    concurrency=CONCURRENCY,
                    delete_jobs="always",
                    shutdown_graceful_timeout=GRACE_S,
                )
        finally:
            await courier.cancel()
            if hints is not None:
                await hints.close()


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = make_database(
        settings.database_url or None,
        settings.data,
        statement_cache=settings.statement_cache,
        pool_size=settings.database_pool,
        direct_url=settings.database_direct_url,
    )
    if database.dialect != "postgresql":
        raise Conflict(
            "workers need PostgreSQL; nothing was started: on SQLite the server does the background jobs itself",
            code="worker",
        )
    await database.start()
    try:
        yield database
    finally:
        await database.close()
