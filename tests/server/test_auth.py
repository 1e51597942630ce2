"""Who gets in: no credential, wrong ones, roles, nodes, revocation."""

import asyncio

import pytest

from rackhand.engine.access import Role
from rackhand.server.contract import NODE, PUBLIC
from rackhand.server.fake import BOOTSTRAP, Api, ServerPlace

ASSET = {"title": "Look", "kind": "shell", "params": {"command": "id"}}


@pytest.mark.parametrize("token", [None, "", "wrong", BOOTSTRAP + "x", "ü" * 40])
def test_without_a_valid_credential_nothing_is_open(server: ServerPlace, token: str | None) -> None:
    async def story() -> None:
        async with server.open() as api:
            headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
            answer = await api.using(None).get("/api/command-assets", headers=headers)

            assert answer.status_code == 401
            assert answer.json()["type"] == "urn:rackhand:not_authenticated"
            assert answer.headers["www-authenticate"] == "Bearer"

    asyncio.run(story())


def test_every_route_but_the_public_ones_wants_a_credential(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            document = (await api.using(None).get("/api/openapi.json")).json()
            open_paths = {
                path for path, methods in document["paths"].items() for m in methods.values() if not m["security"]
            }

            assert open_paths == {"/healthz", "/readyz", "/metrics", "/api/openapi.json", "/dist/{name}"}
            for path, methods in document["paths"].items():
                for method, drawn in methods.items():
                    if drawn["security"]:
                        url = path.replace("{index}", "1").replace("{revision}", "1")
                        answer = await api.using(None).send(method.upper(), url)
                        assert answer.status_code == 401, (method, path, answer.text)

    asyncio.run(story())


def test_every_page_but_the_login_sends_there(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            nobody, seen = api.using(None), set()
            for route in api.app.routes:
                for handler in getattr(route, "route_handlers", []):
                    declared = handler.opt.get("operation")
                    if declared is None or not declared.is_page:
                        continue
                    if declared.role is PUBLIC:
                        seen.add(route.path_format)
                        continue
                    url = route.path_format.replace("{index}", "1").replace("{revision}", "1")
                    for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                        answer = await nobody.send(method, url)
                        assert answer.status_code == (303 if method == "GET" else 401), (method, url, answer.text)
                        if method == "GET":
                            assert answer.headers["location"].startswith("/login?next=/"), url

            oidc = {"/login/oidc", "/login/oidc/callback"}
            assert seen == {"/login", "/login/{secret}", "/logout", "/static/dist/{name}"} | oidc

    asyncio.run(story())


def test_a_role_may_do_what_it_includes_and_no_more(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            viewer, operator, admin = [await api.role(role) for role in Role]

            assert (await viewer.get("/api/command-assets")).status_code == 200
            refused = await viewer.post("/api/command-assets", json=ASSET)
            assert refused.status_code == 403
            assert "operator" in refused.json()["detail"]
            assert (await operator.post("/api/command-assets", json=ASSET)).status_code == 201
            assert (await operator.get("/api/tokens")).status_code == 403
            assert (await admin.get("/api/tokens")).status_code == 200
            assert len((await viewer.get("/api/command-assets")).json()["items"]) == 1

    asyncio.run(story())


def test_nodes_and_operators_do_not_enter_each_other_s_routes(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")

            assert (await node.get("/api/command-assets")).status_code == 403
            assert (await api.post("/api/nodes/pull", json={"node_id": "PC-01"})).status_code == 403
            assert (await node.post("/api/nodes/pull", json={"node_id": "PC-01"})).status_code == 200
            assert (await node.post("/api/nodes/pull", json={"node_id": "PC-02"})).status_code == 403

    asyncio.run(story())


def test_a_node_may_name_its_token_in_its_own_header(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            headers = {"X-Node-Auth": node.token or ""}
            answer = await api.using(None).post("/api/nodes/pull", json={"node_id": "PC-01"}, headers=headers)

            assert answer.status_code == 200

    asyncio.run(story())


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("0", 426), ("2", 426), ("x", 426)])
def test_an_unknown_protocol_is_told_to_upgrade(server: ServerPlace, version: str, status: int) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            headers = {"X-Rackhand-Protocol": version}
            answer = await node.post("/api/nodes/pull", json={"node_id": "PC-01"}, headers=headers)

            assert answer.status_code == status

    asyncio.run(story())


def test_a_token_is_shown_once_and_is_dead_as_soon_as_it_is_revoked(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.post("/api/tokens", json={"name": "CI", "role": "viewer"})
            issued = made.json()
            ci = api.using(issued["token"])

            assert made.headers["cache-control"] == "no-store"
            assert (await ci.get("/api/playbooks")).status_code == 200
            listed = (await api.get("/api/tokens")).json()["items"]
            assert [(item["name"], item["role"]) for item in listed] == [("CI", "viewer")]
            assert listed[0]["last_used_at"] == "2026-11-22T10:00:00.000Z"
            assert issued["token"] not in (await api.get("/api/tokens")).text
            assert (await api.delete(f"/api/tokens/{issued['id']}")).status_code == 204
            assert (await ci.get("/api/playbooks")).status_code == 401
            assert (await api.delete(f"/api/tokens/{issued['id']}")).status_code == 204
            assert (await api.delete("/api/tokens/none")).status_code == 404

    asyncio.run(story())


def test_a_token_runs_out(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            issued = await api.make("/api/tokens", {"name": "CI", "role": "viewer", "expires_in_s": 60})
            ci = api.using(issued["token"])

            assert issued["expires_at"] == "2026-11-22T10:01:00.000Z"
            api.clock.advance(59_999)
            assert (await ci.get("/api/playbooks")).status_code == 200
            api.clock.advance(1)
            assert (await ci.get("/api/playbooks")).status_code == 401

    asyncio.run(story())


def test_without_a_bootstrap_setting_its_token_is_worth_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open(bootstrap_token="") as api:
            assert (await api.get("/api/playbooks")).status_code == 401
            assert (await api.using("").get("/api/playbooks")).status_code == 401

    asyncio.run(story())


def test_every_route_declares_who_may_call_it(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            for route in api.app.routes:
                for handler in getattr(route, "route_handlers", []):
                    if "OPTIONS" in handler.http_methods:
                        continue
                    declared = handler.opt.get("operation")
                    assert declared is not None, handler
                    assert declared.role in {NODE, PUBLIC, *Role}
                    assert declared.summary or declared.is_page, handler

    asyncio.run(story())


async def until_waiting(api: Api) -> None:
    """Until a long poll is open."""
    while not api.room.wakeups.waiting:  # noqa: ASYNC110 - the hub has no event for this
        await asyncio.sleep(0)


@pytest.mark.parametrize("by", ["rotate", "delete"])
def test_an_open_long_poll_ends_at_once_when_its_token_is_revoked(server: ServerPlace, by: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            node = await api.node("PC-01")
            poll = asyncio.create_task(node.post("/api/nodes/pull", json={"node_id": "PC-01", "wait_ms": 30_000}))
            await asyncio.wait_for(until_waiting(api), 20)

            if by == "rotate":
                await api.post("/api/nodes/PC-01/rotate")
            else:
                await api.delete("/api/nodes/PC-01")

            answer = await asyncio.wait_for(poll, 20)
            assert answer.status_code in (401, 404)
            assert (await node.post("/api/nodes/pull", json={"node_id": "PC-01"})).status_code == 401

    asyncio.run(story())


def test_a_rotated_token_does_not_come_back_and_the_new_one_works(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            old = await api.node("PC-01")
            fresh = api.using((await api.post("/api/nodes/PC-01/rotate")).json()["token"])

            assert (await old.post("/api/nodes/callback", json={})).status_code == 401
            assert (await fresh.post("/api/nodes/pull", json={"node_id": "PC-01"})).status_code == 200

    asyncio.run(story())
