"""Routes of runs: create, plan, look, stop, rerun, export."""

from typing import Any

from litestar import get, post
from litestar.params import FromPath

from rackhand.core.schema import Choice, Field, Integer, Text
from rackhand.core.states import RolloutState
from rackhand.engine import exports, reruns, rollouts, run_views, runs
from rackhand.engine.access import Role, audit
from rackhand.engine.paging import decode_cursor, encode_cursor
from rackhand.engine.rollouts import Moved, RolloutAnswer
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.run_views import DeviceRunDetail, LogPage, RunDetail, RunPage
from rackhand.engine.runs import Created, CreatedRun, Origin, PlanView, Stopped
from rackhand.server.contract import (
    PAGE,
    Content,
    Request,
    Response,
    actor_of,
    answer,
    answer_empty,
    operation,
    read_body,
    read_query,
)
from rackhand.server.render import to_json
from rackhand.server.room import Room
from rackhand.store.db import Tx
from rackhand.store.run_secrets import Sealed

_TRIGGERS = {"ui": "ui", "cli": "cli"}
_FILTERS = {
    "status": Field(Text(1, 20), None),
    "playbook_id": Field(Text(1, 64), None),
    "parent_run_id": Field(Text(1, 64), None),
    "rollout_state": Field(Choice(tuple(RolloutState)), None),
}
_EXPORT_TYPES = {"junit": "application/xml", "csv": "text/csv", "json": "application/json"}


def trigger_of(request: Request) -> str:
    """What the caller names (X-Rackhand-Client: ui or cli), else api."""
    return _TRIGGERS.get(request.headers.get("x-rackhand-client", ""), "api")


def _origin(request: Request, sealed: dict[str, Sealed]) -> Origin:
    """The trigger, the actor, and the request's secrets."""
    actor = actor_of(request)
    return Origin(trigger_of(request), actor.name, remote_addr=actor.remote_addr, sealed=sealed)


@post(
    "/api/runs",
    **operation(
        "Start a run",
        role=Role.OPERATOR,
        body=RUN_REQUEST,
        answers={201: CreatedRun},
        errors=(409,),
        idempotent=True,
        headers={"X-Rackhand-Client": "ui or cli: who starts the run, for its trigger"},
    ),
)
async def create(request: Request, room: Room) -> Response:
    body = await read_body(request)
    created = await room.begin(runs.create_run, body, _origin(request, room.vault.seal(body["secrets"])))
    return answer(created.view, 201)


@post(
    "/api/runs/plan",
    **operation("What a run would do", role=Role.OPERATOR, body=RUN_REQUEST, answers={200: PlanView}),
)
async def plan(request: Request, room: Room) -> Response:
    body = await read_body(request)
    return answer(await room.db.read(runs.plan_run, body))


@get(
    "/api/runs",
    **operation("Runs, newest first", role=Role.VIEWER, query=PAGE | _FILTERS, answers={200: RunPage}),
)
async def list_runs(request: Request, room: Room) -> Response:
    query = read_query(request)
    after = decode_cursor(query["cursor"], tuple[int, str])
    filters = {name: query[name] for name in _FILTERS}
    found = await room.db.read(run_views.list_runs, limit=query["limit"] + 1, after=after, filters=filters)
    shown = found[: query["limit"]]
    more = encode_cursor(shown[-1].created_at, shown[-1].id) if len(found) > len(shown) else None
    return answer(RunPage(shown, more))


@get(
    "/api/runs/{run_id:str}",
    **operation(
        "One run with its devices",
        role=Role.VIEWER,
        query={"since": Field(Integer(0, 2**62), None), "view": Field(Choice(("plain", "packed")), "plain")},
        answers={200: RunDetail, 304: None},
        headers={"If-None-Match": "an ETag of this run; unchanged: 304"},
    ),
)
async def detail(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    query = read_query(request)
    view, since = query["view"], query["since"] if query["view"] == "plain" else None
    rev = await room.db.read(run_views.get_rev, run_id)
    etag = _etag(rev, view, since)
    if since == rev or request.headers.get("if-none-match") == etag:
        return answer_empty(304, {"ETag": etag})
    shown = await room.db.read(run_views.get_run, run_id, since, view)
    if shown is None:
        return answer_empty(304, {"ETag": etag})
    return answer(shown, headers={"ETag": _etag(shown.rev, view, since)})


def _etag(rev: int, view: str, since: int | None) -> str:
    return f'"r{rev}-{view}"' if since is None else f'"r{rev}-{view}-{since}"'


def _stop(tx: Tx, request: Request, room: Room, run_id: str) -> Stopped:
    audit(tx, actor_of(request), "run.stop", f"run:{run_id}")
    return runs.stop_run(tx, run_id, room.periods)


@post(
    "/api/runs/{run_id:str}/stop",
    **operation("Stop a run", role=Role.OPERATOR, answers={200: CreatedRun}),
)
async def stop(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    stopped = await room.db.write(_stop, request, room, run_id)
    room.wakeups.wake_all(stopped.wake)
    return answer(stopped.view)


def _resume(tx: Tx, request: Request, run_id: str) -> Moved:
    audit(tx, actor_of(request), "run.rollout_resume", f"run:{run_id}")
    return rollouts.resume(tx, run_id)


@post(
    "/api/runs/{run_id:str}/rollout/resume",
    **operation("Let a halted rollout go on", role=Role.OPERATOR, answers={200: RolloutAnswer}, errors=(409,)),
)
async def resume(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    moved = await room.db.write(_resume, request, run_id)
    room.wakeups.wake_all(moved.wake)
    return answer(moved.view)


def _abort(tx: Tx, request: Request, room: Room, run_id: str) -> Moved:
    audit(tx, actor_of(request), "run.rollout_abort", f"run:{run_id}")
    return rollouts.abort(tx, run_id, room.periods)


@post(
    "/api/runs/{run_id:str}/rollout/abort",
    **operation("End a rollout and stop its run", role=Role.OPERATOR, answers={200: RolloutAnswer}, errors=(409,)),
)
async def abort(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    moved = await room.db.write(_abort, request, room, run_id)
    room.wakeups.wake_all(moved.wake)
    return answer(moved.view)


def _rerun(tx: Tx, request: Request, run_id: str, body: dict[str, Any]) -> Created:
    actor = actor_of(request)
    return reruns.rerun(tx, run_id, body, actor.name, actor.remote_addr)


@post(
    "/api/runs/{run_id:str}/rerun",
    **operation(
        "Run again what did not succeed",
        role=Role.OPERATOR,
        body=reruns.RERUN,
        body_optional=True,
        answers={201: CreatedRun},
        errors=(409,),
        idempotent=True,
    ),
)
async def rerun(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    body = await read_body(request)
    created = await room.begin(_rerun, request, run_id, body)
    return answer(created.view, 201)


@get(
    "/api/runs/{run_id:str}/export",
    **operation(
        "A run as JUnit XML, CSV or JSON",
        role=Role.VIEWER,
        query={"format": Field(Choice(exports.FORMATS), "json")},
        answers={200: Content(("application/xml", "text/csv", "application/json"))},
    ),
)
async def export(request: Request, room: Room, run_id: FromPath[str]) -> Response:
    wanted = read_query(request)["format"]
    loaded = await room.db.read(exports.load, run_id)
    body = _render(wanted, loaded)
    suffix = {"junit": "xml"}.get(wanted, wanted)
    headers = {"Content-Disposition": f'attachment; filename="run-{loaded.run.id}.{suffix}"'}
    return Response(body, media_type=_EXPORT_TYPES[wanted], headers=headers)


def _render(wanted: str, loaded: exports.RunExport) -> bytes:
    if wanted == "junit":
        return exports.to_junit(loaded)
    return exports.to_csv(loaded).encode() if wanted == "csv" else to_json(exports.to_json(loaded))


_INDEX = {"index": Integer(0, 1_000_000)}


@get(
    "/api/runs/{run_id:str}/devices/{index:int}",
    **operation("One device of a run", role=Role.VIEWER, path=_INDEX, answers={200: DeviceRunDetail}),
)
async def device_detail(room: Room, run_id: FromPath[str], index: FromPath[int]) -> Response:
    return answer(await room.db.read(run_views.get_device_run, run_id, index))


@get(
    "/api/runs/{run_id:str}/devices/{index:int}/log",
    **operation(
        "Log lines of one device of a run",
        role=Role.VIEWER,
        path=_INDEX,
        query={"after": Field(Integer(0, 2**31), 0), "limit": Field(Integer(1, 5000), 1000)},
        answers={200: LogPage},
    ),
)
async def device_log(request: Request, room: Room, run_id: FromPath[str], index: FromPath[int]) -> Response:
    query = read_query(request)
    return answer(await room.db.read(run_views.get_log, run_id, index, query["after"], query["limit"]))


handlers: list[Any] = [
    *(create, plan, list_runs, detail, stop, resume, abort, rerun, export),
    *(device_detail, device_log),
]
