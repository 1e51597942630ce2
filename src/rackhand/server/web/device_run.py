"""`/runs/{id}/devices/{index}`: one device's part of a run: its steps with their dice, its log, its screenshots."""

from typing import Any

from litestar import get
from litestar.params import FromPath

from rackhand.core.states import DEVICE_RUN, DeviceRunStatus
from rackhand.engine import run_views
from rackhand.engine.access import Role
from rackhand.engine.run_views import DeviceRunDetail
from rackhand.server.contract import Request, Response
from rackhand.server.room import Parts, Room
from rackhand.server.web.page import is_fragment, page, render
from rackhand.server.web.run import run_page
from rackhand.store.db import Tx

LOG_PERIOD_MS = 1_500


@get("/runs/{run_id:str}/devices/{index:int}", **page(role=Role.VIEWER))
async def show(request: Request, room: Room, run_id: FromPath[str], index: FromPath[int]) -> Response:
    """The panel, or the page of the run with the panel open."""
    values = await panel_values(room, run_id, index)
    if is_fragment(request):
        return render(request, "device_run/_panel.html", **values)
    return render(request, "run/run.html", **await run_page(request, room, run_id) | values)


async def panel_values(room: Parts, run_id: str, index: int) -> dict[str, Any]:
    """What `device_run/_body.html` shows; `here` is the address that it asks again."""
    opened, left_ms = await room.db.read(_read, run_id, index)
    return {
        "opened": opened,
        "left_ms": left_ms,
        "is_over": DeviceRunStatus(opened.device.status) not in DEVICE_RUN.open,
        "log_period": LOG_PERIOD_MS,
        "shots": [each for each in opened.artifacts if each.content_type.startswith("image/")],
        "files": [each for each in opened.artifacts if not each.content_type.startswith("image/")],
        "here": f"/runs/{run_id}/devices/{index}",
    }


def _read(tx: Tx, run_id: str, index: int) -> tuple[DeviceRunDetail, int | None]:
    """The part, and what is left of its grace now."""
    found = run_views.get_device_run(tx, run_id, index)
    cell = found.device
    if cell.grace_left_ms is None or cell.last_seen_at is None or cell.status != DeviceRunStatus.WAITING.value:
        return found, None
    return found, max(0, cell.grace_left_ms - (tx.now - cell.last_seen_at))


handlers: list[Any] = [show]
