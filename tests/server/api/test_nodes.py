"""Stories of nodes at the API: enrolled, renamed, rotated, drained and forgotten."""

import asyncio
from typing import Any

import pytest

from rackhand.engine.access import Role
from rackhand.server.fake import Api, ServerPlace


async def node_status(api: Api, token: str) -> int:
    """What a node gets that pulls with this token."""
    body = {"node_id": "PC-01", "max_jobs": 0, "wait_ms": 0}
    return (await api.using(token).post("/api/nodes/pull", json=body)).status_code


def test_a_node_is_enrolled_once_and_its_token_is_shown_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.make("/api/nodes", {"id": "PC-01", "name": "Lab, left rack"})
            assert made.keys() == {"id", "name", "token"}
            assert len(made["token"]) >= 43
            again = await api.post("/api/nodes", json={"id": "PC-01"})
            assert (again.status_code, again.json()["type"]) == (409, "urn:rackhand:conflict")
            view = (await api.get("/api/nodes/PC-01")).json()
            assert (view["name"], view["state"], view["online"], view["last_seen_at"]) == (
                "Lab, left rack",
                "active",
                False,
                None,
            )
            assert made["token"] not in (await api.get("/api/nodes")).text
            assert await node_status(api, made["token"]) == 200

    asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["/id"]),
        ({"id": "status"}, ["/id"]),
        ({"id": "Pull"}, ["/id"]),
        ({"id": "a b"}, ["/id"]),
        ({"id": "../x"}, ["/id"]),
        ({"id": "x" * 64}, ["/id"]),
        ({"id": 7, "name": "", "color": 1}, ["/color", "/id", "/name"]),
        ([], [""]),
    ],
)
def test_a_bad_enrolment_names_every_field_and_makes_no_node(server: ServerPlace, body: Any, paths: list[str]) -> None:
    async def story() -> None:
        async with server.open() as api:
            refused = await api.post("/api/nodes", json=body)
            assert refused.status_code == 422
            assert sorted(error["path"] for error in refused.json()["errors"]) == paths
            assert (await api.get("/api/nodes")).json() == {"items": [], "next_cursor": None}

    asyncio.run(story())


def test_a_rotated_token_dies_at_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            old = (await api.make("/api/nodes", {"id": "PC-01"}))["token"]
            new = (await api.post("/api/nodes/PC-01/rotate")).json()["token"]
            assert await node_status(api, old) == 401
            assert await node_status(api, new) == 200

    asyncio.run(story())


def test_a_node_is_renamed_drained_and_put_back(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.make("/api/nodes", {"id": "PC-01"})
            assert (await api.send("PATCH", "/api/nodes/PC-01", json={"name": "Rack 1"})).json()["name"] == "Rack 1"
            assert (await api.post("/api/nodes/PC-01/drain")).json()["state"] == "draining"
            back = await api.post("/api/nodes/PC-01/drain", json={"drain": False})
            assert back.json()["state"] == "active"
            bad = await api.post("/api/nodes/PC-01/drain", json={"drain": "yes"})
            assert bad.json()["errors"][0]["path"] == "/drain"

    asyncio.run(story())


def test_a_forgotten_node_is_gone_and_so_is_its_token(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            token = (await api.make("/api/nodes", {"id": "PC-01"}))["token"]
            assert (await api.delete("/api/nodes/PC-01")).status_code == 204
            assert await node_status(api, token) == 401
            assert (await api.get("/api/nodes/PC-01")).status_code == 404
            assert (await api.delete("/api/nodes/PC-01")).status_code == 404

    asyncio.run(story())


def test_pages_hold_every_node_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            for node_id in ("PC-03", "PC-01", "PC-02"):
                await api.node(node_id)
            first = (await api.get("/api/nodes?limit=2")).json()
            assert [node["id"] for node in first["items"]] == ["PC-01", "PC-02"]
            second = (await api.get(f"/api/nodes?limit=2&cursor={first['next_cursor']}")).json()
            assert ([node["id"] for node in second["items"]], second["next_cursor"]) == (["PC-03"], None)
            assert (await api.get("/api/nodes?cursor=bad")).status_code == 422

    asyncio.run(story())


def test_only_an_admin_enrols_and_a_node_sees_no_list(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            operator, node = await api.role(Role.OPERATOR), await api.node("PC-01")
            assert (await operator.post("/api/nodes", json={"id": "PC-02"})).status_code == 403
            assert (await operator.get("/api/nodes")).status_code == 200
            assert (await node.get("/api/nodes")).status_code == 403

    asyncio.run(story())
