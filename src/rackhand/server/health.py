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
    """What the server needs, each `ok`."""

    database: str
    schema: str
    sweep: str


@get("/healthz", **operation("Whether the process answers", role=PUBLIC, answers={200: Alive}))
async def healthz() -> Response:
    return answer(Alive("ok"))


@get("/readyz", **operation("Whether requests can be served", role=PUBLIC, answers={200: Ready}))
async def readyz(room: Room) -> Response:
    try:
        state = await asyncio.wait_for(room.check_schema(), ANSWER_S)
    except (TimeoutError, OSError, RackhandError) as error:
        raise Busy("the database does not answer; nothing was changed: look at its log") from error
    if not state.is_current:
        raise Busy(
            "the database has schema {current}, needed is {head}: run rackhand db upgrade",
            current=state.current,
            head=state.head,
        )
    if not room.is_sweeping():
        raise Busy("the sweep does not run; see the server's log")
    return answer(Ready("ok", "ok", "ok"))


@get("/metrics", **operation("Prometheus metrics", role=PUBLIC, answers={200: Content(("text/plain",))}))
async def metrics(room: Room) -> Response:
    room.metrics.polls.set(room.wakeups.waiting)
    room.metrics.hints_connected.set(room.wakeups.is_connected)
    room.metrics.hints_heard.set(room.wakeups.heard)
    try:
        found = await asyncio.wait_for(room.db.read(gauges.read), ANSWER_S)
    except (TimeoutError, OSError):
        pass  # a scrape must show the rest also when the database does not answer
    else:
        room.metrics.nodes_online.set(found.nodes_online)
        for name, succeeded_at in found.jobs.items():
            room.metrics.job_success.labels(name).set(succeeded_at / 1000)
        for status, count in found.open_runs.items():
            room.metrics.runs.labels(status).set(count)
    return LitestarResponse(room.metrics.text(), media_type="text/plain", headers={"Content-Type": CONTENT_TYPE_LATEST})


handlers = [healthz, readyz, metrics]
