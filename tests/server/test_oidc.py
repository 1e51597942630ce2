"""Logging in by a provider: who is mapped gets in, with today's role; every lie and every foreign link is refused."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from joserfc.jwk import RSAKey

from rackhand.engine import accounts
from rackhand.engine.access import SYSTEM, Role
from rackhand.server import session_cookie
from rackhand.server.fake import Api, ServerPlace
from rackhand.server.fake_provider import CLIENT, SECRET, Provider
from rackhand.server.oidc import role_of
from rackhand.server.settings import SettingError, load
from rackhand.store.fake import DatabasePlace

ADDRESS = "127.0.0.1"
ROLES = ("qa=operator", "lab-admins=admin", "guests=viewer")


@pytest.fixture(scope="module")
def keys() -> tuple[RSAKey, RSAKey]:
    """Made once: they take a while."""
    return RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})


@pytest.fixture
def provider(keys: tuple[RSAKey, RSAKey]) -> Iterator[Provider]:
    with Provider(now=int(time.time()), key=keys[0]) as running:
        yield running


@pytest.fixture
def one_server(tmp_path: Path, sqlite_template: Path) -> ServerPlace:
    """On SQLite alone; what is stored is told for both databases at the end."""
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return ServerPlace(DatabasePlace(f"sqlite:///{path}", "sqlite"), tmp_path / "data")


def settings(provider: Provider, **more: Any) -> dict[str, Any]:
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_roles": ROLES,
        "oidc_name": "Lab SSO",
    } | more


async def come_back(browser: Api, provider: Provider, **changed: str) -> Response:
    """A whole login in one browser: to the provider, yes, and back."""
    begun = await browser.get("/login/oidc", params={"next": "/runs"})
    assert begun.status_code == 303, begun.text
    query = provider.log_in(begun.headers["location"]) | changed
    return await browser.get("/login/oidc/callback", params=query)


async def is_in(browser: Api) -> bool:
    return (await browser.get("/api/runs")).status_code == 200


def test_who_is_mapped_to_a_role_gets_in_and_is_the_same_person_next_time(
    server: ServerPlace, provider: Provider
) -> None:
    async def story() -> None:
        async with server.open(**settings(provider)) as api:
            browser = api.browser()
            assert "Log in with Lab SSO" in (await browser.get("/login")).text
            back = await come_back(browser, provider)

            assert (back.status_code, back.headers["location"]) == (303, "/runs")
            assert await is_in(browser)
            users = (await api.get("/api/users")).json()["items"]
            assert [(each["name"], each["role"], each["has_password"]) for each in users] == [
                ("kim", "operator", False)
            ]

            provider.claims |= {"preferred_username": "kim lee", "groups": ["qa", "lab-admins"]}
            assert (await come_back(browser, provider)).status_code == 303
            users = (await api.get("/api/users")).json()["items"]
            assert [(each["name"], each["role"]) for each in users] == [("kim", "admin")]
            actions = {line["action"] for line in (await api.get("/api/audit")).json()["items"]}
            assert {"user.create", "user.identify", "user.role", "session.open"} <= actions

    asyncio.run(story())


def test_a_login_gives_a_new_session_and_ends_the_old_one(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider)) as api:
            before = await api.person(Role.VIEWER, "lee")
            planted = before.client.cookies[session_cookie.NAME]
            assert (await come_back(before, provider)).status_code == 303

            assert before.client.cookies.get(session_cookie.NAME, domain="127.0.0.1") != planted
            assert not await is_in(api.browser(planted))

    asyncio.run(story())


LIES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("another issuer", {"iss": "https://elsewhere.example"}, "does not hold"),
    ("for another client", {"aud": "another"}, "does not hold"),
    ("for two clients, authorised by the other", {"aud": [CLIENT, "x"], "azp": "x"}, "does not hold"),
    ("the nonce of another login", {"nonce": "n" * 64}, "does not hold"),
    ("ran out", {"exp": 1_000}, "does not hold"),
    ("of tomorrow", {"iat": 9_999_999_999}, "does not hold"),
    ("the hash of another access token", {"at_hash": "x" * 22}, "does not hold"),
    ("no group that is mapped", {"groups": ["everybody"]}, "gives you a role"),
    ("no groups at all", {"groups": None}, "gives you a role"),
    ("groups of another shape", {"groups": [{"name": "qa"}, 5]}, "gives you a role"),
)


def test_every_lie_is_refused(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider)) as api:
            for why, lies, message in LIES:
                provider.lies = lies
                browser = api.browser()
                back = await come_back(browser, provider)
                assert (back.status_code, message in back.text) == (403, True), (why, back.text[-2000:])
                assert not await is_in(browser), why
                api.room.attempts.succeed(None, ADDRESS)  # the brake has a test of its own
            assert (await api.get("/api/users")).json()["items"] == []

    asyncio.run(story())


def test_the_eleventh_answer_that_does_not_hold_waits_and_asks_nobody(server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with server.open(**settings(provider)) as api:
            assert (await come_back(api.browser(), provider)).status_code == 303
            for _ in range(10):
                assert (await come_back(api.browser(), provider, state="x" * 64)).status_code == 403
            asked = len(provider.asked)

            paused = await come_back(api.browser(), provider)
            assert (paused.status_code, "try again in 15 minutes" in paused.text) == (429, True)
            assert "/token" not in provider.asked[asked:]
            refused = (await api.get("/api/audit", params={"action": "session.refused"})).json()["items"]
            noted = [(line["actor"], line["subject"], line["detail"], line["remote_addr"]) for line in refused]
            assert noted == [("nobody", None, {"by": "provider"}, ADDRESS)] * 10

    asyncio.run(story())


def test_only_the_provider_s_own_signature_counts(
    one_server: ServerPlace, provider: Provider, keys: tuple[RSAKey, RSAKey]
) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider)) as api:
            provider.published, provider.key = keys[0], keys[1]
            assert (await come_back(api.browser(), provider)).status_code == 403
            provider.algorithm = "HS256"
            assert (await come_back(api.browser(), provider)).status_code == 403
            provider.algorithm, provider.published = "RS256", keys[1]
            assert (await come_back(api.browser(), provider)).status_code == 303, "a new key is asked for"

    asyncio.run(story())


def test_a_link_from_another_browser_s_login_is_worth_nothing(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider)) as api:
            mine, victim = api.browser(), api.browser()
            begun = await mine.get("/login/oidc")
            query = provider.log_in(begun.headers["location"])
            asked = len(provider.asked)

            assert (await victim.get("/login/oidc/callback", params=query)).status_code == 403
            await victim.get("/login/oidc")
            assert (await victim.get("/login/oidc/callback", params=query)).status_code == 403
            assert (await mine.get("/login/oidc/callback", params=query | {"state": "x" * 64})).status_code == 403
            assert (await mine.get("/login/oidc/callback", params=query)).status_code == 403, "the cookie is used up"
            assert "/token" not in provider.asked[asked:]
            assert (await come_back(api.browser(), provider, iss="https://mix-up.example")).status_code == 403
            assert (await come_back(api.browser(), provider, code="stolen")).status_code == 400
            refused = await come_back(api.browser(), provider, code="", error="access_denied")
            assert "did not let you in" in refused.text

    asyncio.run(story())


def test_nobody_becomes_somebody_else_by_name(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider)) as api:
            await api.db.write(accounts.create_user, SYSTEM, "admin", "admin", None)
            provider.claims = {"sub": "u-9", "preferred_username": "Admin", "groups": "guests"}
            await come_back(api.browser(), provider)
            provider.claims = {"sub": "u-10", "preferred_username": " \x00 ", "groups": "guests"}
            await come_back(api.browser(), provider)

            users = (await api.get("/api/users")).json()["items"]
            assert [(each["name"], each["role"]) for each in users] == [
                ("admin", "admin"),
                ("Admin 2", "viewer"),
                ("somebody", "viewer"),
            ]

    asyncio.run(story())


def test_a_deactivated_person_stays_out(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider)) as api:
            await come_back(api.browser(), provider)
            (kim,) = (await api.get("/api/users")).json()["items"]
            await api.patch(f"/api/users/{kim['id']}", json={"is_active": False})

            assert (await come_back(api.browser(), provider)).status_code == 403

    asyncio.run(story())


def test_only_verified_addresses_of_the_domains_get_in(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider, oidc_domains=("lab.example",))) as api:
            for email, verified, status in (
                ("kim@lab.example", True, 303),
                ("kim@LAB.example", True, 303),
                ("kim@lab.example", False, 403),
                ("kim@lab.example", None, 403),
                ("kim@lab.example.evil.example", True, 403),
                ("kim@evil.example", True, 403),
            ):
                provider.claims |= {"email": email, "email_verified": verified}
                assert (await come_back(api.browser(), provider)).status_code == status, email

    asyncio.run(story())


def test_without_a_provider_there_is_no_button_and_no_way(one_server: ServerPlace) -> None:
    async def story() -> None:
        async with one_server.open() as api:
            browser = api.browser()
            assert "/login/oidc" not in (await browser.get("/login")).text
            assert (await browser.get("/login/oidc")).status_code == 404
            assert (await browser.get("/login/oidc/callback?code=x&state=y")).status_code == 404

    asyncio.run(story())


def test_a_provider_that_is_away_or_another_one_is_said_so(one_server: ServerPlace, provider: Provider) -> None:
    async def story() -> None:
        async with one_server.open(**settings(provider, oidc_issuer="http://127.0.0.1:9")) as api:
            away = await api.browser().get("/login/oidc")
            assert (away.status_code, "was not fetched" in away.text) == (400, True)
        provider.lies = {"issuer": "https://elsewhere.example"}
        async with one_server.open(**settings(provider)) as api:
            assert (await api.browser().get("/login/oidc")).status_code == 403

    asyncio.run(story())


@pytest.mark.parametrize(
    ("claims", "claim", "role"),
    [
        ({"groups": ["guests", "lab-admins", "qa"]}, "groups", Role.ADMIN),
        ({"realm": {"roles": ["qa"]}}, "realm.roles", Role.OPERATOR),
        ({"role": "guests"}, "role", Role.VIEWER),
        ({"realm": "qa"}, "realm.roles", None),
        ({}, "groups", None),
    ],
)
def test_roles_follow_from_a_claim(claims: dict[str, Any], claim: str, role: Role | None) -> None:
    assert role_of(claims, claim, ROLES) is role


@pytest.mark.parametrize(
    ("name", "value"),
    [("RACKHAND_OIDC_ISSUER", "http://sso.example"), ("RACKHAND_OIDC_ROLES", "qa"), ("RACKHAND_OIDC_ROLES", "a=root")],
)
def test_a_setting_that_opens_a_hole_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        load({}, {name: value})
