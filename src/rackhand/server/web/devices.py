"""`/devices`: the heatmap of all devices, or a table of them; search, and looking for devices now."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.schema import Choice, Field, Text
from rackhand.engine import device_views, devices, enrolment, racks, scans
from rackhand.engine.access import Role
from rackhand.engine.racks import Rack
from rackhand.engine.scans import SCAN_REQUEST
from rackhand.server.contract import PAGE, Request, Response, actor_of, answer, read_query
from rackhand.server.room import Room
from rackhand.server.web.forms import read_form
from rackhand.server.web.heat import DOTS_FROM
from rackhand.server.web.page import is_fragment, localised_all, page, redirect, render
from rackhand.store import inventory
from rackhand.store.db import Tx
from rackhand.store.devices import Filters
from rackhand.store.inventory import Fleet

SOURCE = "/api/nodes/status?view=packed"
PERIOD_MS = 3_000
_Q = Field(Text(0, 200), "")
_LIST = PAGE | {"q": _Q, "view": Field(Choice(("tiles", "list")), "tiles"), "scan": Field(Text(1, 64), None)}


@get("/devices", **page(role=Role.VIEWER, query=_LIST))
async def show(request: Request, room: Room) -> Response:
    query = read_query(request)
    if query["view"] == "list":
        return await _list(request, room, query)
    return render(
        request,
        "devices/devices.html",
        **await tiles_page(request, room, query["q"]) | {"scan": await _scan(room, query)},
    )


async def tiles_page(request: Request, room: Room, q: str = "") -> dict[str, Any]:
    """What the page with the tiles shows; the page of one device is this page with its panel open."""
    fleet, shown = await room.db.read(_read_racks)
    facts = {"conflicts": await room.db.read(device_views.conflict_list)}
    nodes = (await room.db.read(enrolment.list_nodes)).items
    many = sum(len(rack.tiles) for rack in shown)
    return facts | {
        "racks": shown,
        "fleet": fleet,
        "why": localised_all(request, await room.db.read(racks.blocked_tiles)),
        "counts": racks.count_racks(shown),
        "total": many,
        "density": "normal" if many <= DOTS_FROM else "dots",
        "source": SOURCE,
        "period": PERIOD_MS,
        "q": q,
        "nodes": nodes,
        "misses": set(await room.db.read(devices.matching, Filters(q=q))) if q.strip() else None,
        "scan": None,
        "opened": None,
    }


def _read_racks(tx: Tx) -> tuple[Fleet, list[Rack]]:
    """The fleet's rev first: a change in between is then told again by a poll, and never missed."""
    return inventory.load_fleet(tx), racks.fleet_racks(tx)


async def _list(request: Request, room: Room, query: dict[str, Any]) -> Response:
    filters = Filters(q=query["q"].strip() or None)
    view = await room.db.read(devices.page, filters, cursor=query["cursor"], limit=query["limit"])
    return render(request, "devices/list.html", view=view, q=query["q"])


async def _scan(room: Room, query: dict[str, Any]) -> Any:
    return await room.db.read(scans.get, query["scan"]) if query["scan"] else None


@get("/devices/matches", **page(role=Role.VIEWER, query={"q": _Q}))
async def matches(request: Request, room: Room) -> Response:
    """JSON for the search box: the indexes of the devices that match."""
    found = await room.db.read(devices.matching, Filters(q=read_query(request)["q"].strip() or None))
    return answer({"indexes": found})


@post("/devices/scan", **page(role=Role.OPERATOR, once=True))
async def scan(request: Request, room: Room) -> Response:
    body = await read_form(request, SCAN_REQUEST)
    accepted = await room.db.write(scans.create, actor_of(request), body, room.periods)
    room.wakeups.wake_all(job.node_id for job in accepted.jobs)
    return redirect(request, f"/devices?scan={accepted.scan_job_id}")


@get("/devices/scans/{scan_job_id:str}", **page(role=Role.VIEWER))
async def scan_progress(request: Request, room: Room, scan_job_id: FromPath[str]) -> Response:
    view = await room.db.read(scans.get, scan_job_id)
    template = "devices/_scan.html" if is_fragment(request) else "devices/scan.html"
    return render(request, template, scan=view)


handlers: list[Any] = [show, matches, scan, scan_progress]
