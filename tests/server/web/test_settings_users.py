"""The page of people: one's own password for everybody, the rest for administrators."""

import asyncio
import re

from rackhand.engine.access import Role
from rackhand.server.fake import Api, ServerPlace

HERE = "/settings/users"
PASSWORD = "a long enough password"


async def id_of(admin: Api, name: str) -> str:
    people = (await admin.get("/api/users")).json()["items"]
    return next(str(person["id"]) for person in people if person["name"] == name)


async def log_in(api: Api, name: str, password: str) -> int:
    return (await api.browser().post("/login", data={"/name": name, "/password": password})).status_code


def test_everybody_sets_a_password_and_sees_nobody_else(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.person(name="boss")
            viewer = await api.person(Role.VIEWER, "kim")

            page = await viewer.get(HERE)
            assert page.status_code == 200
            assert "boss" not in page.text
            short = await viewer.post(f"{HERE}/password", data={"/password": "short"})
            assert short.status_code == 422
            assert 'aria-invalid="true"' in short.text
            done = await viewer.post(f"{HERE}/password", data={"/password": PASSWORD})
            assert (done.status_code, done.headers["location"]) == (303, HERE)
            assert await log_in(api, "kim", PASSWORD) == 303
            wrong = await viewer.post(f"{HERE}/password", data={"/current": "no", "/password": PASSWORD + "2"})
            assert "is not your current password" in wrong.text

            for method, path in (("GET", "/new"), ("POST", "/new"), ("GET", "/x"), ("POST", "/x"), ("POST", "/x/link")):
                assert (await viewer.send(method, HERE + path)).status_code == 403, path

    asyncio.run(story())


def test_an_administrator_adds_and_changes_people(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person(name="boss")
            body = {"/name": "kim", "/role": "viewer", "/password": PASSWORD}

            refused = await admin.post(f"{HERE}/new", data=body | {"/password": "short"})
            assert refused.status_code == 422
            assert 'value="kim"' in refused.text
            assert (await admin.post(f"{HERE}/new", data=body)).status_code == 303
            taken = await admin.post(f"{HERE}/new", data=body | {"/name": "KIM"})
            assert taken.status_code == 409
            assert "there is a user kim already" in taken.text
            kim = f"{HERE}/{await id_of(admin, 'kim')}"
            assert 'value="viewer" selected' in (await admin.get(kim)).text
            change = {"/role": "operator", "/password": "", "/is_active": "false"}
            assert (await admin.post(kim, data=change)).status_code == 303
            people = (await admin.get("/api/users")).json()["items"]
            assert [(who["role"], who["is_active"]) for who in people if who["name"] == "kim"] == [("operator", False)]
            assert await log_in(api, "kim", PASSWORD) == 403

    asyncio.run(story())


def test_the_last_administrator_stays(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person(name="boss")
            boss = f"{HERE}/{await id_of(admin, 'boss')}"

            refused = await admin.post(boss, data={"/role": "viewer", "/password": "", "/is_active": "true"})
            assert refused.status_code == 409
            assert "boss is the last administrator" in refused.text
            assert 'value="viewer" selected' in refused.text

    asyncio.run(story())


def test_a_link_for_somebody_is_shown_once_and_works(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person(name="boss")
            await api.person(Role.VIEWER, "kim")
            kim = f"{HERE}/{await id_of(admin, 'kim')}"

            shown = await admin.post(f"{kim}/link")
            link = re.search(r"http://[^<\s]*(/login/[\w-]+)", shown.text)
            assert shown.status_code == 200
            assert link
            assert "/login/" not in (await admin.get(kim)).text
            browser = api.browser()
            assert (await browser.post(link[1])).status_code == 303
            assert "kim" in (await browser.get(HERE)).text

    asyncio.run(story())


def test_an_unknown_person_is_not_found(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person()
            for method, path in (("GET", "/x"), ("POST", "/x"), ("POST", "/x/link")):
                assert (await admin.send(method, HERE + path)).status_code == 404

    asyncio.run(story())
