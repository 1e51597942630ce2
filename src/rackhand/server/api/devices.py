"""Routes of devices: list, detail, change, swap, release, quarantine, conflicts."""

from typing import Any

from litestar import delete, get, patch, post
from litestar.params import FromPath

from rackhand.core.schema import Boolean, Field, Integer, Text
from rackhand.engine import device_views, devices
from rackhand.engine.access import Role
from rackhand.engine.device_views import ConflictList, DeviceDetail, DevicePage
from rackhand.engine.devices import DEVICE_CHANGE, QUARANTINE, RELEASE, RESOLUTION, SWAP
from rackhand.server.contract import (
    PAGE,
    Request,
    Response,
    actor_of,
    answer,
    operation,
    read_body,
    read_json,
    read_query,
)
from rackhand.server.room import Room
from rackhand.store.devices import Filters

_FILTERS = {
    "q": Field(Text(1, 200), None),
    "node": Field(Text(1, 63), None),
    "online": Field(Boolean(), None),
    "health": Field(Text(1, 255), None),
    "activity": Field(Integer(0, 4), None),
    "quarantined": Field(Boolean(), None),
    "conflict": Field(Boolean(), None),
}


@get(
    "/api/devices",
    **operation("Devices by index", role=Role.VIEWER, query=PAGE | _FILTERS, answers={200: DevicePage}),
)
async def list_devices(request: Request, room: Room) -> Response:
    asked = read_query(request)
    limit, cursor = asked.pop("limit"), asked.pop("cursor")
    return answer(await room.db.read(devices.page, Filters(**asked), cursor=cursor, limit=limit))


@get("/api/devices/{index:int}", **operation("The device at an index", role=Role.VIEWER, answers={200: DeviceDetail}))
async def get_device(index: FromPath[int], room: Room) -> Response:
    return answer(await room.db.read(devices.by_index, index))


@get(
    "/api/devices/by-id/{device_id:str}",
    **operation("A device by its id", role=Role.VIEWER, answers={200: DeviceDetail}),
)
async def get_device_by_id(device_id: FromPath[str], room: Room) -> Response:
    return answer(await room.db.read(devices.by_id, device_id))


async def _given(request: Request) -> dict[str, Any]:
    """Only what the caller named: null empties a field, absence leaves it."""
    named = await read_json(request)
    return {name: value for name, value in (await read_body(request)).items() if name in named}


@patch(
    "/api/devices/{index:int}",
    **operation(
        "Change label, labels or index",
        role=Role.OPERATOR,
        body=DEVICE_CHANGE,
        answers={200: DeviceDetail},
        errors=(409,),
    ),
)
async def change(request: Request, index: FromPath[int], room: Room) -> Response:
    given = await _given(request)
    return answer(await room.db.write(devices.change_at, actor_of(request), index, given))


@patch(
    "/api/devices/by-id/{device_id:str}",
    **operation(
        "Change label, labels or index, also of a device that has none",
        role=Role.OPERATOR,
        body=DEVICE_CHANGE,
        answers={200: DeviceDetail},
        errors=(409,),
    ),
)
async def change_by_id(request: Request, device_id: FromPath[str], room: Room) -> Response:
    given = await _given(request)
    return answer(await room.db.write(devices.change_by_id, actor_of(request), device_id, given))


@post(
    "/api/devices/{index:int}/swap",
    **operation("Two devices change places", role=Role.OPERATOR, body=SWAP, answers={200: DeviceDetail}),
)
async def swap(request: Request, index: FromPath[int], room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(devices.swap, actor_of(request), index, body))


@post(
    "/api/devices/{index:int}/release",
    **operation("Give up the index", role=Role.OPERATOR, body=RELEASE, body_optional=True, answers={200: DeviceDetail}),
)
async def release(request: Request, index: FromPath[int], room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(devices.release, actor_of(request), index, body))


@post(
    "/api/devices/{index:int}/quarantine",
    **operation("Keep runs away", role=Role.OPERATOR, body=QUARANTINE, answers={200: DeviceDetail}),
)
async def quarantine(request: Request, index: FromPath[int], room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(devices.quarantine, actor_of(request), index, body))


@delete(
    "/api/devices/{index:int}/quarantine",
    **operation("Let runs use the device again", role=Role.OPERATOR, answers={200: DeviceDetail}),
)
async def end_quarantine(request: Request, index: FromPath[int], room: Room) -> Response:
    return answer(await room.db.write(devices.end_quarantine, actor_of(request), index))


@get(
    "/api/devices/conflicts",
    **operation("Serials that are there twice", role=Role.VIEWER, answers={200: ConflictList}),
)
async def list_conflicts(room: Room) -> Response:
    return answer(await room.db.read(device_views.conflict_list))


@post(
    "/api/devices/conflicts/{conflict_id:str}/resolve",
    **operation(
        "End a conflict, and say which node has the device",
        role=Role.OPERATOR,
        body=RESOLUTION,
        body_optional=True,
        answers={200: DeviceDetail},
    ),
)
async def resolve_conflict(request: Request, conflict_id: FromPath[str], room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(devices.resolve_conflict, actor_of(request), conflict_id, body))


handlers = [
    list_devices,
    get_device,
    get_device_by_id,
    change,
    change_by_id,
    swap,
    release,
    quarantine,
    end_quarantine,
    list_conflicts,
    resolve_conflict,
]
