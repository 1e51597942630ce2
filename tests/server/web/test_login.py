"""The pages before the login: by a password, by a one-time link, and out again; and where one comes out."""

import asyncio
from dataclasses import replace

import pytest
from httpx import Response

from rackhand.engine import accounts, login_links
from rackhand.engine.access import SYSTEM, Role
from rackhand.engine.passwords import hash_password
from rackhand.server.fake import ORIGIN, Api, ServerPlace
from rackhand.server.session_cookie import NAME
from rackhand.server.web.login import local_path

PASSWORD = "correct horse battery"
KOREAN = {"Accept-Language": "ko"}


async def kim(api: Api) -> None:
    hashed = await asyncio.to_thread(hash_password, PASSWORD)
    await api.db.write(accounts.create_user, SYSTEM, "kim", Role.OPERATOR.value, hashed)


async def log_in(who: Api, password: str = PASSWORD, **more: str) -> Response:
    return await who.post("/login", data={"/name": "kim", "/password": password} | more)


@pytest.mark.parametrize(
    ("given", "onward"),
    [
        ("/devices?q=a%20b", "/devices?q=a%20b"),
        ("/", "/"),
        ("", "/"),
        ("devices", "/"),
        ("//elsewhere.invalid/", "/"),
        ("/\\elsewhere.invalid", "/"),
        ("https://elsewhere.invalid", "/"),
        ("/devices\r\nSet-Cookie: a=b", "/"),
        ("/login?next=/", "/"),
        ("/logout", "/"),
    ],
)
def test_only_paths_of_this_server_are_gone_to(given: str, onward: str) -> None:
    assert local_path(given) == onward


def test_a_page_sends_to_the_login_and_the_login_back(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await kim(api)
            browser = api.browser()

            away = await browser.get("/devices?q=lobby")
            assert (away.status_code, away.headers["location"]) == (303, "/login?next=/devices%3Fq%3Dlobby")
            form = await browser.get(away.headers["location"])
            assert form.status_code == 200
            assert 'name="/next" value="/devices?q=lobby"' in form.text

            back = await log_in(browser, **{"/next": "/devices?q=lobby"})
            assert (back.status_code, back.headers["location"]) == (303, "/devices?q=lobby")
            assert (await browser.get("/devices?q=lobby")).status_code == 200
            assert (await browser.get("/login?next=/runs")).headers["location"] == "/runs"

    asyncio.run(story())


def test_a_wrong_password_keeps_the_name_and_says_nothing_else(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await kim(api)
            browser = api.browser()

            refused = await log_in(browser, "wrong", **{"/next": "/runs"})
            assert refused.status_code == 403
            assert "the name or the password is wrong; nobody was logged in" in refused.text
            assert 'value="kim"' in refused.text
            assert 'name="/next" value="/runs"' in refused.text
            assert "wrong" not in refused.headers.get("set-cookie", "")
            assert 'value="wrong"' not in refused.text
            korean = await browser.post("/login", data={"/name": "kim", "/password": "wrong"}, headers=KOREAN)
            assert "이름이나 비밀번호가 틀립니다" in korean.text
            empty = await browser.post("/login", data={})
            assert empty.status_code == 422
            assert empty.text.count('aria-invalid="true"') == 2
            blank = await browser.post("/login", data={"/name": "", "/password": ""})
            assert "The fields in question are marked." in blank.text
            assert "/name:" not in blank.text
            assert NAME not in browser.client.cookies
            await browser.post("/login", data={"/name": "hunter2", "/password": "kim"})
            rows = (await api.get("/api/audit", params={"action": "session.refused"})).json()["items"]
            assert sorted((row["subject"] or "")[:5] for row in rows) == ["", "user:", "user:"]
            assert "hunter2" not in str(rows), "people type passwords into the field above"

    asyncio.run(story())


def test_the_eleventh_wrong_password_waits(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            browser = api.browser()
            for _ in range(10):
                assert (await log_in(browser, "wrong")).status_code == 403

            paused = await log_in(browser, "wrong")
            assert paused.status_code == 429
            assert "try again in 15 minutes" in paused.text

    asyncio.run(story())


def test_a_link_is_used_by_its_button_and_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            secret = await api.db.write(login_links.make_link)
            browser = api.browser()
            for _ in range(2):
                assert "<button" in (await browser.get(f"/login/{secret}")).text

            done = await browser.post(f"/login/{secret}")
            assert (done.status_code, done.headers["location"]) == (303, "/")
            home = await browser.get("/")
            assert home.status_code == 200
            assert "You are logged in as admin." in home.text

            other = api.browser()
            again = await other.post(f"/login/{secret}")
            assert again.status_code == 404
            assert "rackhand users link" in again.text
            assert (await other.get(f"/login/{secret}")).status_code == 404
            assert NAME not in other.client.cookies

    asyncio.run(story())


def test_another_sites_page_logs_nobody_in(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await kim(api)
            secret = await api.db.write(login_links.make_link)
            elsewhere = {"Origin": "http://elsewhere.invalid"}
            for path, data in (("/login", {"/name": "kim", "/password": PASSWORD}), (f"/login/{secret}", {})):
                answer = await api.browser().post(path, data=data, headers=elsewhere)
                assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)

    asyncio.run(story())


def test_logging_out_ends_the_session_and_needs_the_forms_token(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            person = await api.person()
            copied = api.browser(person.client.cookies[NAME])

            assert (await replace(person, csrf=None).post("/logout")).status_code == 403
            assert (await person.get("/")).status_code == 200
            out = await person.post("/logout")
            assert (out.status_code, out.headers["location"]) == (303, "/login")
            assert "You are logged out." in (await person.get("/login")).text
            assert (await copied.get("/")).status_code == 303
            assert (await api.browser().post("/logout")).status_code == 303

    asyncio.run(story())


def test_a_login_has_a_new_session_and_ends_the_one_that_was_planted(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.make("/api/users", {"name": "kim", "password": "correct horse battery"})
            browser = await api.person(name="attacker")
            planted = browser.client.cookies[NAME]
            typed = {"/name": "kim", "/password": "correct horse battery"}
            answer = await browser.client.post("/login", data=typed, headers={"Origin": ORIGIN})

            assert answer.status_code == 303
            fresh = answer.cookies[NAME]
            assert fresh != planted
            assert (await api.browser(planted).get("/api/runs")).status_code == 401
            assert (await api.browser(fresh).get("/api/runs")).status_code == 200

    asyncio.run(story())
