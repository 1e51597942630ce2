"""Routes of schedules: make, read, change, pause, resume, delete, history, and the next times of an expression."""

from typing import Any

from litestar import delete, get, post, put
from litestar.params import FromPath

from rackhand.core.schema import Field, Text
from rackhand.engine import schedules
from rackhand.engine.access import Role
from rackhand.engine.paging import Page
from rackhand.engine.schedules import SCHEDULE, TIMES, FiringView, NextTimes, ScheduleView
from rackhand.server.contract import (
    PAGE,
    Request,
    Response,
    actor_of,
    answer,
    answer_empty,
    operation,
    read_body,
    read_query,
)
from rackhand.server.room import Room


@get(
    "/api/schedules",
    **operation(
        "Schedules by title",
        role=Role.VIEWER,
        query=PAGE | {"playbook_id": Field(Text(1, 64), None)},
        answers={200: Page[ScheduleView]},
    ),
)
async def list_schedules(request: Request, room: Room) -> Response:
    return answer(await room.db.read(schedules.list_schedules, read_query(request)))


@post(
    "/api/schedules",
    **operation("Make a schedule", role=Role.OPERATOR, body=SCHEDULE, answers={201: ScheduleView}, idempotent=True),
)
async def create(request: Request, room: Room) -> Response:
    body = await read_body(request)
    sealed = room.vault.seal(body["secrets"])
    return answer(await room.db.write(schedules.create, actor_of(request), body, sealed), 201)


@post(
    "/api/schedules/preview",
    **operation("The next times of an expression", role=Role.VIEWER, body=TIMES, answers={200: NextTimes}),
)
async def preview(request: Request, room: Room) -> Response:
    return answer(await room.db.read(schedules.preview, await read_body(request)))


@get("/api/schedules/{schedule_id:str}", **operation("One schedule", role=Role.VIEWER, answers={200: ScheduleView}))
async def one(room: Room, schedule_id: FromPath[str]) -> Response:
    return answer(await room.db.read(schedules.get_schedule, schedule_id))


@put(
    "/api/schedules/{schedule_id:str}",
    **operation(
        "Replace a schedule; secrets that are left out keep their values",
        role=Role.OPERATOR,
        body=SCHEDULE,
        answers={200: ScheduleView},
    ),
)
async def change(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    body = await read_body(request)
    sealed = room.vault.seal(body["secrets"])
    return answer(await room.db.write(schedules.change, actor_of(request), schedule_id, body, sealed))


@delete(
    "/api/schedules/{schedule_id:str}",
    **operation("Forget a schedule and its history; its runs stay", role=Role.OPERATOR, answers={204: None}),
)
async def remove(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    await room.db.write(schedules.delete, actor_of(request), schedule_id)
    return answer_empty()


@post(
    "/api/schedules/{schedule_id:str}/pause",
    **operation("Let a schedule fire no more until it is resumed", role=Role.OPERATOR, answers={200: ScheduleView}),
)
async def pause(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    return answer(await room.db.write(schedules.pause, actor_of(request), schedule_id))


@post(
    "/api/schedules/{schedule_id:str}/resume",
    **operation("Let a paused schedule fire from its next time on", role=Role.OPERATOR, answers={200: ScheduleView}),
)
async def resume(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    return answer(await room.db.write(schedules.resume, actor_of(request), schedule_id))


@get(
    "/api/schedules/{schedule_id:str}/firings",
    **operation(
        "What became of the due times of a schedule, the newest first",
        role=Role.VIEWER,
        query=PAGE,
        answers={200: Page[FiringView]},
    ),
)
async def history(request: Request, room: Room, schedule_id: FromPath[str]) -> Response:
    return answer(await room.db.read(schedules.history, schedule_id, read_query(request)))


handlers: list[Any] = [list_schedules, create, preview, one, change, remove, pause, resume, history]
