"""Routes of nodes for operators: enrol, list, rename, rotate, drain, delete. What the agent calls is in work."""

from litestar import Response as LitestarResponse
from litestar import delete, get, patch, post
from litestar.params import FromPath

from rackhand.engine import enrolment
from rackhand.engine.access import Role
from rackhand.engine.enrolment import DRAIN, NODE, NODE_CHANGE, EnrolledNode, NodeList, NodeView
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


@post(
    "/api/nodes",
    **operation(
        "Enrol a node; its token is shown only here",
        role=Role.ADMIN,
        body=NODE,
        answers={201: EnrolledNode},
        errors=(409,),
    ),
)
async def enrol(request: Request, room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(enrolment.enrol, actor_of(request), body), 201)


@get("/api/nodes", **operation("Nodes by id", role=Role.VIEWER, query=PAGE, answers={200: NodeList}))
async def list_nodes(request: Request, room: Room) -> Response:
    asked = read_query(request)
    return answer(await room.db.read(enrolment.list_nodes, cursor=asked["cursor"], limit=asked["limit"]))


@get("/api/nodes/{node_id:str}", **operation("One node", role=Role.VIEWER, answers={200: NodeView}))
async def get_node(node_id: FromPath[str], room: Room) -> Response:
    return answer(await room.db.read(enrolment.get, node_id))


@patch(
    "/api/nodes/{node_id:str}",
    **operation("Rename a node", role=Role.ADMIN, body=NODE_CHANGE, answers={200: NodeView}),
)
async def rename(request: Request, node_id: FromPath[str], room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.write(enrolment.rename, actor_of(request), node_id, body))


@delete(
    "/api/nodes/{node_id:str}",
    **operation(
        "Forget a node: its work is closed, its devices stay without a node", role=Role.ADMIN, answers={204: None}
    ),
)
async def remove(request: Request, node_id: FromPath[str], room: Room) -> LitestarResponse[None]:
    await room.db.write(enrolment.remove, actor_of(request), node_id)
    room.wakeups.wake(node_id)
    return answer_empty()


@post(
    "/api/nodes/{node_id:str}/rotate",
    **operation("A new token; the old one dies at once", role=Role.ADMIN, answers={200: EnrolledNode}),
)
async def rotate(request: Request, node_id: FromPath[str], room: Room) -> Response:
    rotated = await room.db.write(enrolment.rotate, actor_of(request), node_id)
    room.wakeups.wake(node_id)  # an open poll with the old token ends now
    return answer(rotated)


@post(
    "/api/nodes/{node_id:str}/drain",
    **operation(
        "Give a node no new work, or again some",
        role=Role.ADMIN,
        body=DRAIN,
        body_optional=True,
        answers={200: NodeView},
    ),
)
async def drain(request: Request, node_id: FromPath[str], room: Room) -> Response:
    body = await read_body(request)
    view = await room.db.write(enrolment.drain, actor_of(request), node_id, body)
    room.wakeups.wake(node_id)
    return answer(view)


handlers = [enrol, list_nodes, get_node, rename, remove, rotate, drain]
