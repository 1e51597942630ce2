"""Routes of scans: ask nodes to look for devices now, and see what they found."""

from litestar import get, post
from litestar.params import FromPath

from rackhand.engine import scans
from rackhand.engine.access import Role
from rackhand.engine.scans import SCAN_REQUEST, AcceptedScan, ScanView
from rackhand.server.contract import Request, Response, actor_of, answer, operation, read_body
from rackhand.server.room import Room


@post(
    "/api/nodes/scan",
    **operation(
        "Look for devices now, on one node or on all",
        role=Role.OPERATOR,
        body=SCAN_REQUEST,
        body_optional=True,
        answers={202: AcceptedScan},
        errors=(404, 409),
        idempotent=True,
    ),
)
async def create(request: Request, room: Room) -> Response:
    body = await read_body(request)
    accepted = await room.db.write(scans.create, actor_of(request), body, room.periods)
    room.wakeups.wake_all(job.node_id for job in accepted.jobs)
    return answer(accepted, 202)


@get(
    "/api/nodes/scan/{scan_job_id:str}",
    **operation("How a scan goes", role=Role.VIEWER, answers={200: ScanView}),
)
async def get_scan(scan_job_id: FromPath[str], room: Room) -> Response:
    return answer(await room.db.read(scans.get, scan_job_id))


handlers = [create, get_scan]
