"""/healthz (the process answers), /readyz (database, schema and sweep too) and /metrics."""

import asyncio
from dataclasses import dataclass

from litestar import get
from litestar.response import Response as LitestarResponse
from prometheus_client import CONTENT_TYPE_LATEST

from rackhand.core.errors import Busy, RackhandError
from rackhand.server.contract import PUBLIC, Content, Response, answer, operation
from rackhand.server.room import Room
from rackhand.store import gauges

ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class Alive:
    """The process answers."""

    status: str


@dataclass(frozen=True, slots=True)
class Ready:
    """What the server needs, each `ok`. `schema` may be `newer`: an upgrade is rolling through, this server goes on.
    `disk` may be `low`: no new run starts, everything else works."""

    database: str
    schema: str
    sweep: str
    disk: str


@get("/healthz", **operation("Whether the process answers", role=PUBLIC, answers={200: Alive}))
async def healthz() -> Response:
    return answer(Alive("ok"))


@get("/readyz", **operation("Whether requests can be served", role=PUBLIC, answers={200: Ready}))
async def readyz(room: Room) -> Response:
    try:
        state = await asyncio.wait_for(room.check_schema(), ANSWER_S)
    except (TimeoutError, OSError, RackhandError) as error:
        raise Busy("the database does not answer; nothing was changed: look at its log") from error
    if not (state.is_current or state.is_newer):
        raise Busy(
            "the database has schema {current}, needed is {head}: run rackhand db upgrade",
            current=state.current,
            head=state.head,
        )
    if not room.is_sweeping():
        raise Busy("the sweep does not run; see the server's log")
    return answer(Ready("ok", "newer" if state.is_newer else "ok", "ok", "low" if room.disks.low else "ok"))


@get("/metrics", **operation("Prometheus metrics", role=PUBLIC, answers={200: Content(("text/plain",))}))
async def metrics(room: Room) -> Response:
    shown = room.metrics
    shown.polls.set(room.wakeups.waiting)
    shown.hints_connected.set(room.wakeups.is_connected)
    shown.hints_heard.set(room.wakeups.heard)
    shown.queue.set(room.callbacks.queued_events)
    shown.queue_limit.set(room.settings.callback_queue)
    for space in room.disks.spaces():
        shown.disk_wanted.labels(space.name).set(space.wanted)
        if space.free is not None:
            shown.disk_free.labels(space.name).set(space.free)
    shown.admits.set(not room.disks.low)
    try:
        found = await asyncio.wait_for(room.db.read(gauges.read), ANSWER_S)
    except (TimeoutError, OSError, RackhandError):
        shown.database_up.set(0)  # a scrape must show the rest also when the database does not answer
    else:
        shown.database_up.set(1)
        shown.show(found)
    return LitestarResponse(room.metrics.text(), media_type="text/plain", headers={"Content-Type": CONTENT_TYPE_LATEST})


handlers = [healthz, readyz, metrics]
