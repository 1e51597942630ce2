"""The one table of background jobs: idempotent functions over due rows. Who runs them is not decided here.

A job's time is cut into periods, counted from 1970; whoever takes a period in the database does the work, be it the
ticker of any server or any worker. A process that dies in a job leaves due rows, which the next period finds again.
"""

import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import structlog

from rackhand.engine import idempotency
from rackhand.server import channel_sync, clockwork
from rackhand.server.background import Ticker
from rackhand.server.content_desk import Desk
from rackhand.server.courier import Courier
from rackhand.server.disks import Disks
from rackhand.server.retention import remove_old
from rackhand.server.settings import Settings
from rackhand.store import jobs, sessions
from rackhand.store.blobs import BlobStore
from rackhand.store.db import Database, Tx

_log = structlog.get_logger("rackhand.jobs")
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
CHANNEL_BEAT_MS = 15_000
"""A channel that is due waits no longer than this; a pass without one is one statement."""
BROKEN_OFF_S = 86_400.0
"""An upload of which nothing came for so long is over."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a job may touch. `wake` is for nodes that should look again; `is_closing`: come to an end."""

    db: Database
    settings: Settings
    files: BlobStore
    artifacts: BlobStore
    wake: Callable[[Iterable[str]], None]
    is_closing: Callable[[], bool]
    desk: Desk
    disks: Disks | None = None
    courier: Courier | None = None
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the table."""

    name: str
    about: str
    period_ms: Callable[[Settings], int]
    run: Callable[[Place], Awaitable[None]]


async def _history(place: Place) -> None:
    await remove_old(place.db, place.artifacts, place.is_closing)


async def _sessions(place: Place) -> None:
    await place.db.write(sessions.forget_expired)


async def _answers(place: Place) -> None:
    await place.db.write(idempotency.forget_old)


async def _uploads(place: Place) -> None:
    for blobs in (place.files, place.artifacts):
        await blobs.tidy(BROKEN_OFF_S)


async def _schedules(place: Place) -> None:
    turn = await clockwork.fire_due(place.db, place.settings.misfire_ms, place.disks)
    place.wake(turn.wake)
    if turn.times:
        _log.info("schedules fired", times=turn.times, runs=turn.runs)
    for error in turn.errors:
        raise error


async def _notices(place: Place) -> None:
    if place.courier is not None:
        await clockwork.tell(place.db, place.courier)


async def _channels(place: Place) -> None:
    await channel_sync.sync_channels(place.desk, place.is_closing)


async def _thumbnails(place: Place) -> None:
    await channel_sync.fetch_thumbnails(place.desk, place.is_closing)


async def _content(place: Place) -> None:
    await channel_sync.tidy(place.desk)


def _channel_beat(_: Settings) -> int:
    return CHANNEL_BEAT_MS


def _every_minute(_: Settings) -> int:
    return MINUTE_MS


def _hourly(_: Settings) -> int:
    return HOUR_MS


JOBS = (
    Job("schedules", "Starts the runs of schedules that are due", lambda settings: settings.schedule_ms, _schedules),
    Job("notices", "Finds what happened, and sends messages", lambda settings: settings.notice_ms, _notices),
    Job("history", "Removes runs and events that are kept no longer", lambda settings: settings.retention_ms, _history),
    Job("sessions", "Forgets logins and one-time links that ran out", _hourly, _sessions),
    Job("answers", "Forgets answers kept for an Idempotency-Key for longer than a day", _hourly, _answers),
    Job("uploads", "Removes the pieces of uploads that broke off", _hourly, _uploads),
    Job("channels", "Looks for new videos in the channels that are due", _channel_beat, _channels),
    Job("thumbnails", "Fetches the thumbnails of videos", _every_minute, _thumbnails),
    Job("content", "Forgets old answers and videos, looks whether chosen videos are still there", _hourly, _content),
)


def slot_of(job: Job, settings: Settings, at_ms: int) -> int:
    """The number of the period that a moment lies in."""
    return at_ms // job.period_ms(settings)


async def do(place: Place, job: Job, slot: int) -> bool:
    """Do a job unless its period is taken; True if it was done here. What it raises is noted in the database, too."""
    if not await place.db.write(jobs.take, job.name, slot, place.holder):
        return False
    _log.debug("began a job", job=job.name)
    try:
        await job.run(place)
    finally:
        error = sys.exception()
        message = None if error is None else (f"{type(error).__name__}: {error}")[:500]
        await place.db.write(jobs.finish, job.name, slot, message)
    return True


def tickers(place: Place) -> list[Ticker]:
    """One ticker per job, for a server that does background work itself. Each looks twice a period: none is missed."""

    async def tick(job: Job) -> None:
        await do(place, job, slot_of(job, place.settings, await place.db.read(_now)))

    return [
        Ticker(partial(tick, job), max(job.period_ms(place.settings) // 2, 1), None, f"job {job.name}") for job in JOBS
    ]


def _now(tx: Tx) -> int:
    return tx.now
