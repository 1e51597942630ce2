"""Routes of presets and of the checklist: what there is to run at once, and how far a new installation is."""

from litestar import get, post
from litestar.params import FromPath

from rackhand.engine import onboarding, presets
from rackhand.engine.access import Role
from rackhand.engine.onboarding import Onboarding
from rackhand.engine.presets import PRESET_PLAN, PRESET_RUN, PresetOffer
from rackhand.engine.runs import CreatedRun, PlanView
from rackhand.server.api.runs import trigger_of
from rackhand.server.contract import Request, Response, actor_of, answer, operation, read_body
from rackhand.server.room import Room


@get(
    "/api/presets",
    **operation("Presets: what each step does, and what they ask for", role=Role.VIEWER, answers={200: PresetOffer}),
)
async def list_presets(request: Request) -> Response:
    return answer(presets.offer())


@post(
    "/api/presets/{preset:str}/plan",
    **operation("What a run of a preset would do", role=Role.OPERATOR, body=PRESET_PLAN, answers={200: PlanView}),
)
async def plan(request: Request, room: Room, preset: FromPath[str]) -> Response:
    return answer(await room.db.read(presets.plan, preset, await read_body(request)))


@post(
    "/api/presets/{preset:str}/runs",
    **operation(
        "Run a preset",
        role=Role.OPERATOR,
        body=PRESET_RUN,
        answers={201: CreatedRun},
        idempotent=True,
        headers={"X-Rackhand-Client": "ui or cli: who starts the run, for its trigger"},
    ),
)
async def run(request: Request, room: Room, preset: FromPath[str]) -> Response:
    body = await read_body(request)
    created = await room.begin(presets.run, actor_of(request), preset, body, trigger_of(request))
    return answer(created.view, 201)


@get(
    "/api/onboarding",
    **operation("The checklist from the first PC to the first run", role=Role.VIEWER, answers={200: Onboarding}),
)
async def checklist(request: Request, room: Room) -> Response:
    return answer(await room.db.read(onboarding.read))


handlers = [list_presets, plan, run, checklist]
