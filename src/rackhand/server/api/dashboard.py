"""Route of the dashboard."""

from litestar import get

from rackhand.core.schema import Field, Text
from rackhand.engine import dashboard
from rackhand.engine.access import Role
from rackhand.engine.dashboard import WINDOW_PATTERN, Dashboard
from rackhand.server.contract import Request, Response, answer, operation, read_query
from rackhand.server.room import Room

_WINDOW = Text(min=2, max=4, pattern=WINDOW_PATTERN, hint="hours or days, such as 24h or 7d")


@get(
    "/api/dashboard",
    **operation(
        "Key figures, hourly series, to-do list, small heatmap and the last runs",
        role=Role.VIEWER,
        query={"window": Field(_WINDOW, "24h")},
        answers={200: Dashboard},
    ),
)
async def get_dashboard(request: Request, room: Room) -> Response:
    return answer(await room.db.read(dashboard.read, read_query(request)["window"], room.disks.spaces()))


handlers = [get_dashboard]
