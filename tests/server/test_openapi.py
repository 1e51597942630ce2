"""The document tells the truth: generated requests to every route get documented answers only, and never a 5xx.

Every route of /api/openapi.json is covered by itself; a new one needs no line here. `seed` makes one of each noun, so
that half of the requests find something; a new noun with its own path parameter is best added there.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import CacheConfig, SchemathesisConfig
from schemathesis.specs.openapi import checks

from rackhand.server.fake import BOOTSTRAP, Api, ServerPlace
from rackhand.server.main import bind
from rackhand.server.settings import Settings

EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
METHODS = ("get", "post", "put", "patch", "delete")


async def seed(api: Api) -> dict[str, Any]:
    """One of each noun; the values are those of path parameters. Also `node_token`."""
    asset = await api.make("/api/command-assets", {"title": "Look", "kind": "shell", "params": {"command": "id"}})
    playbook = await api.make("/api/playbooks", {"title": "Look", "steps": [{"asset_id": asset["id"]}]})
    node = await api.make("/api/nodes", {"id": "PC-01"})
    token = await api.make("/api/tokens", {"name": "CI", "role": "viewer"})
    file = await api.make("/api/files?name=a.txt", None)
    beat = {
        "event_id": "beat",
        "type": "device_heartbeat",
        "node_id": "PC-01",
        "occurred_at": "2026-11-22T10:00:00.000Z",
        "payload": {
            "node": {"agent_version": "1", "adb_version": "36", "concurrency": 4},
            "leases": [],
            "devices": [
                {"serial": f"S{i}", "runtime_handle": f"S{i}", "adb_state": "device", "online": True} for i in range(3)
            ],
        },
    }
    answer = await api.using(node["token"]).post("/api/nodes/callback", json=beat)
    assert answer.status_code == 200, answer.text
    run = await api.make("/api/runs", {"playbook_id": playbook["id"], "target": {"scope": "all"}})
    scan = (await api.post("/api/nodes/scan", json={})).json()
    device = (await api.get("/api/devices/1")).json()
    return {
        "asset_id": asset["id"],
        "playbook_id": playbook["id"],
        "revision": 1,
        "node_id": "PC-01",
        "node_token": node["token"],
        "token_id": token["id"],
        "sha256": file["sha256"],
        "run_id": run["id"],
        "index": 1,
        "scan_job_id": scan.get("scan_job_id", "none"),
        "device_id": device.get("id", "none"),
    }


@contextmanager
def running(place: ServerPlace) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """A seeded server on loopback in a thread of its own: its address, its document, what was seeded."""
    started = threading.Event()
    found: dict[str, Any] = {}

    async def story() -> None:
        async with place.open(pull_wait_ms=1) as api:
            sock = bind(Settings(port=0))
            server = uvicorn.Server(uvicorn.Config(api.app, log_config=None, lifespan="off", access_log=False))
            found["seeded"] = await seed(api)
            found["document"] = (await api.get("/api/openapi.json")).json()
            found["url"] = f"http://127.0.0.1:{sock.getsockname()[1]}"
            found["server"] = server
            sock.listen()
            started.set()
            try:
                await server.serve(sockets=[sock])
            finally:
                sock.close()

    def work() -> None:
        try:
            asyncio.run(story())
        finally:
            started.set()

    thread = threading.Thread(target=work, name="openapi-server")
    thread.start()
    try:
        assert started.wait(60)
        assert "url" in found, "the server did not start"
        yield found["url"], found["document"], found["seeded"]
    finally:
        if "server" in found:
            found["server"].should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(method, path) of everything in the document: what only looks first, deletions last."""
    found = [(method, path) for path, methods in document["paths"].items() for method in METHODS if method in methods]
    return sorted(found, key=lambda operation: (*((operation[0] == word) for word in ("delete", "patch")), operation))


def plant(value: Any, seeded: dict[str, Any]) -> Any:
    """`value` with what is seeded under the names that it uses, so that a request finds something."""
    if isinstance(value, dict):
        return {name: seeded[name] if name in seeded else plant(item, seeded) for name, item in value.items()}
    return [plant(item, seeded) for item in value] if isinstance(value, list) else value


def probe(url: str, document: dict[str, Any], seeded: dict[str, Any], method: str, path: str) -> None:
    """Some generated requests, good and bad, to one route."""
    schema = schemathesis.openapi.from_dict(
        document, config=SchemathesisConfig(cache=CacheConfig(enabled=False), seed=1)
    )
    operation = schema[path][method.upper()]
    is_node = {"node": []} in document["paths"][path][method]["security"]
    token = seeded["node_token"] if is_node else BOOTSTRAP

    def send(case: Any, is_known: bool) -> None:
        if is_known:
            case.path_parameters = plant(case.path_parameters or {}, seeded)
            case.body = plant(case.body, seeded)
        response = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        case.validate_response(response, checks=CHECKS)

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        strategy = operation.as_strategy(generation_mode=mode)
        run = settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(case=strategy, is_known=st.booleans())(send))
        try:
            run()
        except Exception as error:
            if type(error).__name__ not in {"Unsatisfiable", "UnsupportedNegation"}:
                raise


def test_no_route_answers_with_what_is_not_documented(server: ServerPlace, subtests: pytest.Subtests) -> None:
    with running(server) as (url, document, seeded):
        for method, path in operations(document):
            with subtests.test(f"{method} {path}"):
                probe(url, document, seeded, method, path)


def test_the_document_covers_every_route(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            document = (await api.get("/api/openapi.json")).json()
            routes = {route.path_format for route in api.app.routes}

            assert routes == set(document["paths"])
            names = [drawn["operationId"] for methods in document["paths"].values() for drawn in methods.values()]
            assert len(names) == len(set(names)), sorted(names)

    asyncio.run(story())
