"""Sessions over HTTP: what a cookie opens, how it ends, and that only pages of this server change something by it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rackhand.engine import accounts, sessions
from rackhand.engine.access import SYSTEM, Role
from rackhand.engine.sessions import IDLE_MS
from rackhand.server.fake import ORIGIN, Api, ServerPlace
from rackhand.server.session_cookie import NAME

ASSET = {"title": "Look", "kind": "shell", "params": {"command": "id"}}


async def make(who: Api, **headers: str) -> tuple[int, str]:
    """A change, and how it was answered: status and code."""
    answer = await who.post("/api/command-assets", json=ASSET, headers=headers)
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


def test_a_cookie_opens_the_api_as_far_as_the_role_goes(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            viewer, operator, admin = [await api.person(role) for role in Role]

            assert (await viewer.get("/api/command-assets")).status_code == 200
            assert await make(viewer) == (403, "role")
            assert await make(operator) == (201, "")
            assert (await operator.get("/api/tokens")).status_code == 403
            assert (await admin.get("/api/tokens")).status_code == 200

    asyncio.run(story())


def test_a_cookie_is_no_node(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person()

            assert (await admin.post("/api/nodes/pull", json={"node_id": "PC-01"})).status_code == 403

    asyncio.run(story())


def test_a_change_needs_the_form_token_of_its_session(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            kim, lee = await api.person(name="kim"), await api.person(name="lee")

            assert await make(kim) == (201, "")
            assert await make(replace(kim, csrf=None)) == (403, "csrf")
            assert await make(replace(kim, csrf="")) == (403, "csrf")
            assert await make(replace(kim, csrf=lee.csrf)) == (403, "csrf")
            for method in ("PUT", "PATCH", "DELETE"):
                answer = await replace(kim, csrf=None).send(method, "/api/command-assets/x")
                assert answer.status_code in (403, 405), method
            assert len((await kim.get("/api/command-assets")).json()["items"]) == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Origin": ORIGIN}, True),
        ({"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null"}, False),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://127.0.0.1:8000"}, False),
        ({"Origin": "http://127.0.0.1.evil.example"}, False),
        ({"Origin": "http://evil.example@127.0.0.1"}, False),
        ({"Origin": "nonsense"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_a_change_by_another_site_s_page_is_refused(
    server: ServerPlace, headers: dict[str, str], is_ours: bool
) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert await make(await api.person(), **headers) == ((201, "") if is_ours else (403, "csrf"))

    asyncio.run(story())


def test_a_bearer_token_needs_no_form_token(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            assert await make(api, Origin="http://elsewhere.example") == (201, "")

    asyncio.run(story())


def test_a_token_in_a_header_beats_the_cookie(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person()
            viewer = await api.role(Role.VIEWER)
            both = replace(admin, token=viewer.token)

            assert (await both.get("/api/tokens")).status_code == 403
            assert (await replace(admin, token="wrong").get("/api/playbooks")).status_code == 401

    asyncio.run(story())


@pytest.mark.parametrize("cookie", ["", "wrong", "x" * 5000, "a b", '"'])
def test_what_is_no_cookie_opens_nothing(server: ServerPlace, cookie: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.using(None).get("/api/playbooks", headers={"Cookie": f"{NAME}={cookie}"})

            assert answer.status_code == 401

    asyncio.run(story())


def test_a_deactivated_person_is_out_at_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            kim = await api.person(Role.OPERATOR, "kim")
            user = (await api.db.read(accounts.get_by_name, "kim")).id

            assert (await kim.get("/api/playbooks")).status_code == 200
            changed = await api.patch(f"/api/users/{user}", json={"is_active": False})
            assert changed.json()["is_active"] is False
            assert (await kim.get("/api/playbooks")).status_code == 401
            await api.patch(f"/api/users/{user}", json={"is_active": True})
            assert (await kim.get("/api/playbooks")).status_code == 401

    asyncio.run(story())


def test_a_session_rolls_on_and_runs_out(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            kim = await api.person()
            for _ in range(2):
                api.clock.advance(IDLE_MS - 1)
                assert (await kim.get("/api/playbooks")).status_code == 200

            api.clock.advance(IDLE_MS)
            assert (await kim.get("/api/playbooks")).status_code == 401

    asyncio.run(story())


def test_any_replica_knows_the_session(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as one:
            kim = await one.person()
            async with server.open() as two:
                there = two.browser(kim.client.cookies[NAME])

                assert await make(there) == (201, "")

    asyncio.run(story())


def test_what_a_person_does_is_noted_by_name(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person(name="Kim")
            issued: dict[str, Any] = (await admin.post("/api/tokens", json={"name": "CI", "role": "viewer"})).json()
            listed = (await api.get("/api/tokens")).json()["items"]

            assert [(item["id"], item["created_by"]) for item in listed] == [(issued["id"], "user:Kim")]

    asyncio.run(story())


def test_a_session_can_be_opened_for_a_browser_that_no_person_drives(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            user = await api.db.write(accounts.create_user, SYSTEM, "robot", "viewer", None)
            browser = api.browser(await api.db.write(sessions.open_session, user.id))

            assert (await browser.get("/api/playbooks")).status_code == 200

    asyncio.run(story())
