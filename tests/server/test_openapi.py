"""The document tells the truth: generated requests to every route get documented answers only, and never a 5xx.

Every route of /api/openapi.json is covered by itself; a new one needs no line here. `seed` makes one of each noun, so
that half of the requests find something; a new noun with its own path parameter is best added there.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import CacheConfig, SchemathesisConfig
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi import checks
from tests.nightly import IS_NIGHTLY

from rackhand.server.fake import BOOTSTRAP, ServerPlace

EXAMPLES = 60 if IS_NIGHTLY else 4
"""Of each kind, good and bad."""
DIALECTS = ["sqlite", "postgresql"] if IS_NIGHTLY else ["sqlite"]
"""What is generated is the same, and takes the time; by day the routes meet PostgreSQL in their own tests only."""
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
METHODS = ("get", "post", "put", "patch", "delete")


class Seeder:
    """Calls a running server as an operator or as a node."""

    def __init__(self, url: str) -> None:
        self.url = url

    def make(self, path: str, body: Any = None, token: str = BOOTSTRAP) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.post(self.url + path, json=body, headers=headers, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return requests.get(self.url + path, headers={"Authorization": f"Bearer {BOOTSTRAP}"}, timeout=30).json()


def seed(api: Seeder) -> dict[str, Any]:
    """One of each noun; the values are those of path parameters. Also `node_token`."""
    asset = api.make("/api/command-assets", {"title": "Look", "kind": "shell", "params": {"command": "id"}})
    playbook = api.make("/api/playbooks", {"title": "Look", "steps": [{"asset_id": asset["id"]}]})
    node = api.make("/api/nodes", {"id": "PC-01"})
    token = api.make("/api/tokens", {"name": "CI", "role": "viewer"})
    file = api.make("/api/files?name=a.txt")
    phones = [{"serial": f"S{i}", "runtime_handle": f"S{i}", "adb_state": "device", "online": True} for i in range(3)]
    beat = {
        "event_id": "beat",
        "type": "device_heartbeat",
        "node_id": "PC-01",
        "payload": {"node": {"agent_version": "1", "adb_version": "36"}, "leases": [], "devices": phones},
    }
    api.make("/api/nodes/callback", beat, node["token"])
    run = api.make("/api/runs", {"playbook_id": playbook["id"], "target": {"scope": "all"}})
    scan = api.make("/api/nodes/scan", {})
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
        "scan_job_id": scan["scan_job_id"],
        "device_id": api.get("/api/devices/1")["id"],
    }


@contextmanager
def running(place: ServerPlace) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """A seeded server in a process of its own: its address, its document, what was seeded."""
    environment = os.environ | {
        "RACKHAND_DATABASE_URL": place.database.url,
        "RACKHAND_DATA": str(place.data),
        "RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP,
        "RACKHAND_PULL_WAIT_MS": "1",
    }
    command = [sys.executable, "-m", "rackhand", "serve", "--port", "0"]
    place.data.mkdir(parents=True, exist_ok=True)
    with (
        (place.data / "server.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert line.startswith("Ready "), (place.data / "server.log").read_text(encoding="utf-8")
            api = Seeder(line.split()[1])
            yield api.url, api.get("/api/openapi.json"), seed(api)
            assert server.poll() is None, "the server died on the way"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(method, path) of everything in the document: what only looks first, deletions last."""
    found = [(method, path) for path, methods in document["paths"].items() for method in METHODS if method in methods]
    return sorted(found, key=lambda operation: (*((operation[0] == word) for word in ("delete", "patch")), operation))


def plant(value: Any, seeded: dict[str, Any]) -> Any:
    """`value` with what is seeded under the names that it uses, so that a request finds something."""
    if isinstance(value, dict):
        return {name: seeded[name] if name in seeded else plant(item, seeded) for name, item in value.items()}
    return [plant(item, seeded) for item in value] if isinstance(value, list) else value


def read(document: dict[str, Any]) -> BaseSchema:
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig(cache=CacheConfig(enabled=False), seed=1))


def probe(url: str, schema: BaseSchema, seeded: dict[str, Any], method: str, path: str) -> None:
    """Some generated requests, good and bad, to one route."""
    operation = schema[path][method.upper()]
    is_node = {"node": []} in schema.raw_schema["paths"][path][method]["security"]
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


@pytest.mark.parametrize("database", DIALECTS, indirect=True)
def test_no_route_answers_with_what_is_not_documented(server: ServerPlace, subtests: pytest.Subtests) -> None:
    with running(server) as (url, document, seeded):
        schema = read(document)
        for method, path in operations(document):
            with subtests.test(f"{method} {path}"):
                probe(url, schema, seeded, method, path)


def test_the_document_covers_every_route_but_pages(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            document = (await api.get("/api/openapi.json")).json()
            routes = {
                route.path_format
                for route in api.app.routes
                for handler in getattr(route, "route_handlers", [])
                if "operation" in handler.opt and not handler.opt["operation"].is_page
            }

            assert routes == set(document["paths"])
            names = [drawn["operationId"] for methods in document["paths"].values() for drawn in methods.values()]
            assert len(names) == len(set(names)), sorted(names)

    asyncio.run(story())
