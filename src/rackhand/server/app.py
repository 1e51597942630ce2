"""The application: routes, guard, error handler and background work put together. `make_app` is what starts use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from rackhand.core.traces import Tracer, untraced
from rackhand.engine.callbacks import CallbackWriter
from rackhand.engine.sweep import pass_once
from rackhand.server import health, idempotency, wheel
from rackhand.server.api import (
    artifacts,
    audit,
    catalog,
    channels,
    content,
    dashboard,
    devices,
    files,
    nodes,
    notifications,
    playbooks,
    presets,
    runs,
    scans,
    schedules,
    status,
    tokens,
    users,
    work,
)
from rackhand.server.api import settings as workspace_settings
from rackhand.server.attempts import Attempts
from rackhand.server.auth import authorise, require_declared
from rackhand.server.background import Ticker
from rackhand.server.content_desk import make_desk
from rackhand.server.contract import PUBLIC, Content, Response, answer, operation
from rackhand.server.courier import Courier
from rackhand.server.disks import Disks
from rackhand.server.gate import Gate
from rackhand.server.jobs import Place, tickers
from rackhand.server.metrics import Metrics
from rackhand.server.oidc import Provider
from rackhand.server.openapi import document
from rackhand.server.room import Parts
from rackhand.server.settings import Settings
from rackhand.server.vault import open_vault
from rackhand.server.wakeups import Wakeups
from rackhand.server.web import problems
from rackhand.server.web.routes import MODULES as WEB_MODULES
from rackhand.server.witness import Witness
from rackhand.store.connect import make_blobs
from rackhand.store.db import Database

MODULES = (
    health,
    catalog,
    files,
    playbooks,
    presets,
    tokens,
    audit,
    runs,
    artifacts,
    dashboard,
    devices,
    nodes,
    scans,
    schedules,
    notifications,
    workspace_settings,
    status,
    work,
    users,
    wheel,
    content,
    channels,
    *WEB_MODULES,
)
"""Each has `handlers`."""


def make_app(database: Database, settings: Settings, trace: Tracer = untraced) -> Litestar:
    """The ASGI application over a started, migrated database. Its lifespan runs the background work."""
    return furnish(build(settings.max_body_bytes), database, settings, trace)


def build(max_body_bytes: int) -> Litestar:
    """Routes, guard and error handler, before there is a room; all that needs time, a quarter of a second."""
    app = Litestar(
        [openapi_json, *_handlers()],
        dependencies={"room": Provide(lambda: room_of(app), sync_to_thread=False)},
        after_exception=[idempotency.free],
        exception_handlers={Exception: problems.answer},
        guards=[authorise],
        lifespan=[_background],
        logging_config=None,
        openapi_config=None,
        request_max_body_size=max_body_bytes,
    )
    require_declared(app.routes)
    app.state.openapi = msgspec.json.encode(document(app.routes))
    app.state.inside = app.asgi_handler
    return app


def furnish(app: Litestar, database: Database, settings: Settings, trace: Tracer = untraced) -> Litestar:
    """Put a room over this database behind the routes; one that was there goes, with all that was remembered of it."""
    room = _make_room(database, settings)
    database.listen(Witness(room.metrics, trace).hear)
    inside, openapi = app.state.inside, app.state.openapi
    app.state = State({"inside": inside, "openapi": openapi, "room": room})
    app.asgi_handler = Gate(inside, settings.allowed_hosts, room.metrics)
    return app


def room_of(app: Litestar) -> Parts:
    """The parts that the handlers of `app` share."""
    return cast(Parts, app.state.room)


@get("/api/openapi.json", **operation("This document", role=PUBLIC, answers={200: Content(("application/json",))}))
async def openapi_json(state: State) -> Response:
    return answer(cast(bytes, state.openapi))


def _handlers() -> list[ControllerRouterHandler]:
    return [handler for module in MODULES for handler in module.handlers]


def _make_room(database: Database, settings: Settings) -> Parts:
    wakeups, metrics, periods = Wakeups(), Metrics(), settings.periods
    vault = open_vault(settings.secret_key, settings.data)
    hints = database.hints(wakeups)
    wakeups.connect(hints)

    async def tick() -> None:
        swept = await pass_once(database, periods)
        wakeups.wake_all(swept.wake)

    artifacts = make_blobs(settings.storage_url, settings.data, "artifacts")
    return Parts(
        db=database,
        settings=settings,
        periods=periods,
        wakeups=wakeups,
        hints=hints,
        metrics=metrics,
        files=make_blobs(settings.storage_url, settings.data, "files"),
        artifacts=artifacts,
        ticker=Ticker(tick, periods.sweep_ms, metrics),
        callbacks=CallbackWriter(database, periods, wakeups.wake, settings.callback_queue),
        attempts=Attempts(),
        disks=Disks({"data": settings.data, "artifacts": settings.data / "artifacts"}, settings.min_free_mb),
        vault=vault,
        provider=Provider(settings),
        courier=Courier.of(database, settings, vault),
        desk=make_desk(database, settings, vault, artifacts),
    )


@asynccontextmanager
async def _background(app: Litestar) -> AsyncIterator[None]:
    """The work of a server beside its answers, from start to end."""
    room = room_of(app)
    wakeups = room.wakeups
    place = Place(
        db=room.db,
        settings=room.settings,
        files=room.files,
        artifacts=room.artifacts,
        wake=wakeups.wake_all,
        is_closing=lambda: wakeups.is_closed,
        desk=room.desk,
        disks=room.disks,
        courier=room.courier,
    )
    await room.callbacks.start()
    if room.hints is not None:
        room.hints.start()
    working = [room.ticker, *(tickers(place) if room.settings.embedded_jobs else ())]
    for ticker in working:
        ticker.start()
    try:
        yield
    finally:
        wakeups.close()
        await asyncio.gather(*(ticker.close() for ticker in working))
        await room.courier.cancel()
        await room.callbacks.close()
        if room.hints is not None:
            await room.hints.close()
