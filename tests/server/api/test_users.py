"""People over the API: made, changed, their passwords; nothing secret in any answer."""

import asyncio
from dataclasses import replace

import pytest

from rackhand.engine.access import Role
from rackhand.server.fake import Api, ServerPlace

KIM = {"name": "kim", "password": "correct horse", "role": "operator"}


async def log_in(api: Api, name: str, password: str) -> Api:
    """A browser after the login form; the form token is on every page."""
    browser = api.browser()
    answer = await browser.post("/login", data={"/name": name, "/password": password})
    assert answer.status_code == 303, answer.text
    return api.browser(browser.client.cookies["rackhand_session"])


def test_people_are_made_listed_and_changed(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.make("/api/users", KIM)

            assert {name: made[name] for name in ("name", "role", "is_active", "has_password")} == {
                "name": "kim",
                "role": "operator",
                "is_active": True,
                "has_password": True,
            }
            assert (await api.get("/api/users")).json()["items"] == [made]
            changed = await api.patch(f"/api/users/{made['id']}", json={"role": "viewer"})
            assert changed.json() == made | {"role": "viewer"}
            assert (await api.patch("/api/users/nobody", json={})).status_code == 404

    asyncio.run(story())


def test_only_administrators_see_people(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            operator = await api.person(Role.OPERATOR)

            assert (await operator.get("/api/users")).status_code == 403
            assert (await operator.post("/api/users", json=KIM)).status_code == 403
            assert (await operator.patch("/api/users/x", json={"role": "admin"})).status_code == 403

    asyncio.run(story())


def test_no_answer_has_a_password_or_its_hash(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            made = await api.post("/api/users", json=KIM)
            changed = await api.patch(f"/api/users/{made.json()['id']}", json={"password": "another horse"})
            listed = await api.get("/api/users")
            taken = await api.post("/api/users", json=KIM)
            short = await api.post("/api/users", json=KIM | {"password": "horse"})

            assert [answer.status_code for answer in (made, changed, listed, taken, short)] == [201, 200, 200, 409, 422]
            for answer in (made, changed, listed, taken, short):
                assert "argon2" not in answer.text
                assert "horse" not in answer.text
                assert "hash" not in answer.text

    asyncio.run(story())


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 81}, "/name"),
        ({"name": "a\x00b"}, "/name"),
        ({"password": "short"}, "/password"),
        ({"password": "x" * 201}, "/password"),
        ({"password": 1234567890}, "/password"),
        ({"role": "owner"}, "/role"),
        ({"is_admin": True}, "/is_admin"),
    ],
)
def test_bad_input_is_named(server: ServerPlace, change: dict[str, object], path: str) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.post("/api/users", json=KIM | change)

            assert answer.status_code == 422
            assert [error["path"] for error in answer.json()["errors"]] == [path]

    asyncio.run(story())


def test_the_last_administrator_stays(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            boss = await api.make("/api/users", KIM | {"role": "admin"})
            refused = [
                await api.patch(f"/api/users/{boss['id']}", json=change)
                for change in ({"role": "operator"}, {"is_active": False})
            ]

            assert [(answer.status_code, answer.json()["type"]) for answer in refused] == [
                (409, "urn:rackhand:last_admin")
            ] * 2
            await api.make("/api/users", KIM | {"name": "lee", "role": "admin"})
            assert (await api.patch(f"/api/users/{boss['id']}", json={"is_active": False})).status_code == 200

    asyncio.run(story())


def test_people_change_their_own_password_and_other_browsers_are_out(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.make("/api/users", KIM | {"role": "viewer"})
            here, there = [await log_in(api, "kim", "correct horse") for _ in range(2)]
            wish = {"current": "correct horse", "password": "battery staple"}

            assert (await replace(here, csrf=None).post("/api/users/me/password", json=wish)).status_code == 403
            wrong = await here.post("/api/users/me/password", json=wish | {"current": "wrong"})
            assert [error["path"] for error in wrong.json()["errors"]] == ["/current"]
            assert (await there.get("/api/playbooks")).status_code == 200
            assert (await here.post("/api/users/me/password", json=wish)).status_code == 204
            assert (await there.get("/api/playbooks")).status_code == 401
            assert (await here.get("/api/playbooks")).status_code == 200
            await log_in(api, "KIM", "battery staple")

    asyncio.run(story())


def test_guessing_the_current_password_is_slowed_down(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.make("/api/users", KIM)
            kim = await log_in(api, "kim", "correct horse")
            guess = {"current": "guess", "password": "battery staple"}
            statuses = [(await kim.post("/api/users/me/password", json=guess)).status_code for _ in range(11)]

            assert statuses == [422] * 10 + [429]

    asyncio.run(story())


def test_who_came_by_a_link_has_no_current_password(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person(name="admin")

            assert (await admin.post("/api/users/me/password", json={"password": "battery staple"})).status_code == 204
            assert (await admin.post("/api/users/me/password", json={"password": "battery staple"})).status_code == 422
            await log_in(api, "admin", "battery staple")

    asyncio.run(story())


def test_a_token_has_no_password(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            answer = await api.post("/api/users/me/password", json={"password": "battery staple"})

            assert answer.status_code == 403

    asyncio.run(story())


def test_an_administrator_resets_a_password_and_stays_logged_in(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            boss = await api.make("/api/users", KIM | {"role": "admin"})
            here, there = [await log_in(api, "kim", "correct horse") for _ in range(2)]
            change = {"password": "battery staple"}

            assert (await here.patch(f"/api/users/{boss['id']}", json=change)).status_code == 200
            assert (await here.get("/api/users")).status_code == 200
            assert (await there.get("/api/users")).status_code == 401

    asyncio.run(story())
