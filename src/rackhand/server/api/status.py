"""Route of the fleet's status, which every page polls: a 304 is one tiny read, a whole answer is encoded once a rev."""

import asyncio
import time
from dataclasses import dataclass, field

from litestar import get

from rackhand.core.schema import Choice, Field, Integer
from rackhand.engine import status
from rackhand.engine.access import Role
from rackhand.engine.status import VIEWS, Board, FleetStatus, Query
from rackhand.server.contract import Request, Response, answer, answer_empty, operation, read_query
from rackhand.server.render import to_json
from rackhand.server.room import Room
from rackhand.store import inventory
from rackhand.store.inventory import Fleet

FRESH_S = 5.0
"""How long an encoded answer lives at most: times of last reports in it have no rev of their own."""


@dataclass(slots=True)
class Snapshots:
    """The last whole answer per view, and the positions of the layout; one per server process."""

    board: Board = field(default_factory=Board)
    building: asyncio.Lock = field(default_factory=asyncio.Lock)
    kept: dict[str, tuple[Fleet, float, bytes]] = field(default_factory=dict)

    async def whole(self, room: Room, query: Query, fleet: Fleet) -> tuple[Fleet, bytes]:
        """The whole answer at `fleet` or later; many who ask at once share one encoding."""
        async with self.building:
            found = self.kept.get(query.view)
            if found is not None and found[0] == fleet and time.monotonic() - found[1] < FRESH_S:
                return found[0], found[2]
            view = await room.db.read(status.read, Query(query.view), self.board)
            body = await asyncio.to_thread(to_json, view)
            now = Fleet(view.rev, view.layout)
            self.kept[query.view] = (now, time.monotonic(), body)
            return now, body


def _snapshots(request: Request) -> Snapshots:
    state = request.app.state
    if "status_snapshots" not in state:
        state.status_snapshots = Snapshots()
    snapshots: Snapshots = state.status_snapshots
    return snapshots


def _matches(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in [part.strip().removeprefix("W/") for part in header.split(",")]


@get(
    "/api/nodes/status",
    **operation(
        "What every tile shows; with `since`, what changed after that rev",
        role=Role.VIEWER,
        query={
            "view": Field(Choice(VIEWS), "plain"),
            "since": Field(Integer(), None),
            "layout": Field(Integer(), None),
        },
        answers={200: FleetStatus, 304: None},
        headers={"If-None-Match": "the ETag of the answer that the caller has"},
    ),
)
async def get_status(request: Request, room: Room) -> Response:
    query = Query(**read_query(request))
    snapshots = _snapshots(request)
    fleet = await room.db.read(inventory.load_fleet)
    tag = status.etag(fleet, query.view)
    if query.is_current(fleet) or _matches(request.headers.get("if-none-match", ""), tag):
        return answer_empty(304, {"etag": tag})
    if query.is_partial(fleet):
        view = await room.db.read(status.read, query, snapshots.board)
        fleet, body = Fleet(view.rev, view.layout), to_json(view)
    else:
        fleet, body = await snapshots.whole(room, query, fleet)
    return answer(body, headers={"etag": status.etag(fleet, query.view), "cache-control": "no-cache"})


handlers = [get_status]
