"""The application: routes, guard, error handler and background work put together. `make_app` is all that is public."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from rackhand.server import health
from rackhand.server.api import nodes, scans, status
from rackhand.server.auth import authorise
from rackhand.server.background import Ticker
from rackhand.server.contract import PUBLIC, Content, Response, answer, operation
from rackhand.server.errors import answer_error
from rackhand.server.gate import Gate
from rackhand.server.metrics import Metrics
from rackhand.server.openapi import document
from rackhand.server.room import Room
from rackhand.server.settings import Settings
from rackhand.server.wakeups import Wakeups
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.db import Database

MODULES = (health, nodes, scans, status)
"""Each has `handlers`."""


def make_app(database: Database, settings: Settings) -> Litestar:
    """The ASGI application over a started, migrated database. Its lifespan runs the background work."""
    room = _furnish(database, settings)
    app = Litestar(
        [openapi_json, *_handlers()],
        dependencies={"room": Provide(lambda: room, sync_to_thread=False)},
        exception_handlers={Exception: answer_error},
        guards=[authorise],
        lifespan=[_background(room)],
        logging_config=None,
        openapi_config=None,
        request_max_body_size=settings.max_body_bytes,
        state=State({"room": room}),
    )
    app.state.openapi = msgspec.json.encode(document(app.routes))
    app.asgi_handler = Gate(app.asgi_handler, settings.allowed_hosts, room.metrics)
    return app


def room_of(app: Litestar) -> Room:
    """The parts that the handlers of `app` share."""
    return cast(Room, app.state.room)


@get("/api/openapi.json", **operation("This document", role=PUBLIC, answers={200: Content(("application/json",))}))
async def openapi_json(state: State) -> Response:
    return answer(cast(bytes, state.openapi))


def _handlers() -> list[ControllerRouterHandler]:
    return [handler for module in MODULES for handler in module.handlers]


def _furnish(database: Database, settings: Settings) -> Room:
    wakeups, metrics, periods = Wakeups(), Metrics(), settings.periods

    async def tick() -> None:
        await database.ping()  # engine.sweep takes this place when its parts are there

    return Room(
        db=database,
        settings=settings,
        periods=periods,
        wakeups=wakeups,
        metrics=metrics,
        files=DirectoryBlobs(settings.data / "files"),
        artifacts=DirectoryBlobs(settings.data / "artifacts"),
        ticker=Ticker(tick, periods.sweep_ms, metrics),
    )


def _background(room: Room) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        room.ticker.start()
        try:
            yield
        finally:
            room.wakeups.close()
            await room.ticker.close()

    return lifespan
