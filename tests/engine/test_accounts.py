"""People: made, changed, deactivated; there is always an administrator; links work once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from rackhand.core.errors import Conflict, Invalid, NotAllowed, NotFound
from rackhand.core.schema import parse
from rackhand.engine import accounts, login_links, sessions
from rackhand.engine.access import SYSTEM, Role
from rackhand.engine.accounts import OWN_PASSWORD, USER, UserView
from rackhand.engine.passwords import hash_password, is_password
from rackhand.store.db import Database
from rackhand.store.fake import DatabasePlace
from rackhand.store.tables import audit_log

HASH = "not a real hash"
KEEP: dict[str, Any] = {"role": None, "is_active": None, "password": None}


async def person(db: Database, name: str, role: Role = Role.OPERATOR, password_hash: str | None = HASH) -> UserView:
    return await db.write(accounts.create_user, SYSTEM, name, role.value, password_hash)


@pytest.mark.parametrize("name", ["kim", "Kim", "ＫＩＭ", "KIM"])
def test_a_name_is_taken_in_whatever_case(database: DatabasePlace, name: str) -> None:
    async def story() -> None:
        async with database.started() as db:
            await person(db, "kim")

            with pytest.raises(Conflict, match="there is a user kim already"):
                await person(db, name)

    asyncio.run(story())


@pytest.mark.parametrize("name", ["", " kim", "kim ", "k\nim", "k\x1bim", "\x00", "x" * 81, "\u3000kim"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(USER, {"name": name, "password": "long enough", "role": "viewer"})

    assert [error.path for error in refused.value.errors] == ["/name"]


@pytest.mark.parametrize("name", ["k", "김철수", "Kim Chul-Soo (night shift)", "x" * 80])
def test_names_are_what_people_are_called(name: str) -> None:
    assert parse(USER, {"name": name, "password": "long enough", "role": "viewer"})["name"] == name


def test_a_password_has_ten_characters() -> None:
    for spec, body in ((USER, {"name": "kim"}), (OWN_PASSWORD, {})):
        with pytest.raises(Invalid, match="at least 10 characters"):
            parse(spec, body | {"password": "123456789"})
        assert parse(spec, body | {"password": "1234567890"})


def test_a_password_is_known_by_its_hash_only() -> None:
    kept = hash_password("비밀번호는 길게")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert "비밀" not in kept
    assert is_password("비밀번호는 길게", kept)
    assert is_password("비밀번호는 길게".encode().decode(), kept)
    assert not is_password("비밀번호는 짧게", kept)
    assert not is_password("", kept)


def test_the_same_password_is_typed_in_two_ways() -> None:
    kept = hash_password("cafe\u0301 au lait")

    assert is_password("café au lait", kept)


@pytest.mark.parametrize("nobody", [None, "", "no hash at all"])
def test_nobody_has_no_password(nobody: str | None) -> None:
    assert not is_password("anything at all", nobody)


def test_everybody_is_listed_without_secrets(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            await person(db, "Lee", Role.VIEWER, None)
            await person(db, "kim", Role.ADMIN)
            listed = (await db.read(accounts.list_users)).items

            assert [(one.name, one.role, one.has_password, one.is_active) for one in listed] == [
                ("kim", "admin", True, True),
                ("Lee", "viewer", False, True),
            ]
            assert HASH not in repr(listed)

    asyncio.run(story())


def test_changes_are_made_and_noted(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            kim = await person(db, "kim")
            changed = await db.write(
                accounts.change_user, SYSTEM, kim.id, {"role": "viewer", "is_active": False, "password": None}
            )

            assert (changed.role, changed.is_active) == ("viewer", False)
            assert await db.read(accounts.find_login, "kim") is None
            back = await db.write(accounts.change_user, SYSTEM, kim.id, KEEP | {"is_active": True}, "another hash")
            assert back.is_active
            noted = await db.read(lambda tx: tx.conn.execute(select(audit_log.c.action)).scalars().all())
            assert sorted(noted) == [
                "user.activate",
                "user.create",
                "user.deactivate",
                "user.password",
                "user.role",
            ]
            with pytest.raises(NotFound):
                await db.write(accounts.change_user, SYSTEM, "nobody", KEEP)

    asyncio.run(story())


@pytest.mark.parametrize("change", [{"role": "operator"}, {"is_active": False}])
def test_the_last_administrator_stays(database: DatabasePlace, change: dict[str, Any]) -> None:
    async def story() -> None:
        async with database.started() as db:
            boss = await person(db, "boss", Role.ADMIN)
            await person(db, "no password yet", Role.ADMIN, None)
            gone = await person(db, "gone", Role.ADMIN)
            await db.write(accounts.change_user, SYSTEM, gone.id, KEEP | {"is_active": False})

            with pytest.raises(Conflict, match="last administrator") as refused:
                await db.write(accounts.change_user, SYSTEM, boss.id, KEEP | change)
            assert refused.value.code == "last_admin"
            await person(db, "second", Role.ADMIN)
            await db.write(accounts.change_user, SYSTEM, boss.id, KEEP | change)

    asyncio.run(story())


def test_two_administrators_can_not_demote_each_other_at_once(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            two = [await person(db, "one", Role.ADMIN), await person(db, "two", Role.ADMIN)]
            change = KEEP | {"role": "viewer"}
            done = await asyncio.gather(
                *(db.write(accounts.change_user, SYSTEM, one.id, change) for one in two), return_exceptions=True
            )

            assert [type(each) for each in done].count(Conflict) == 1
            assert [one.role for one in (await db.read(accounts.list_users)).items].count("admin") == 1

    asyncio.run(story())


def test_a_name_is_given_once_even_if_two_ask_at_once(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            done = await asyncio.gather(*(person(db, name) for name in ("kim", "KIM")), return_exceptions=True)

            assert [type(each) for each in done].count(Conflict) == 1

    asyncio.run(story())


def test_an_own_password_that_changed_meanwhile_is_not_replaced(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            kim = await person(db, "kim")
            session = await db.read(sessions.find_session, await db.write(sessions.open_session, kim.id))
            assert session is not None
            actor = session.actor(None)

            with pytest.raises(Conflict):
                await db.write(accounts.set_own_password, actor, session, "older hash", "new hash")
            await db.write(accounts.set_own_password, actor, session, HASH, "new hash")
            assert await db.read(accounts.password_of, kim.id) == "new hash"

    asyncio.run(story())


def test_a_login_is_void_if_the_account_changed_while_the_password_was_checked(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            kim = await person(db, "kim")
            row = await db.read(accounts.find_login, " KIM ")
            assert row is not None
            before = await db.write(accounts.log_in, row)
            cookie = await db.write(accounts.log_in, row, replaces=before)
            assert await db.read(sessions.find_session, before) is None
            assert await db.read(sessions.find_session, cookie)
            await db.write(accounts.change_user, SYSTEM, kim.id, KEEP, "another hash")

            with pytest.raises(NotAllowed):
                await db.write(accounts.log_in, row)

    asyncio.run(story())


# -- one-time links


def test_the_first_start_gives_links_until_an_administrator_has_a_password(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            first = await db.write(login_links.first_link)
            after_restart = await db.write(login_links.first_link)

            assert first is not None
            assert after_restart not in (None, first)
            assert [(one.name, one.role) for one in (await db.read(accounts.list_users)).items] == [("admin", "admin")]
            assert await db.read(login_links.is_link, first)
            cookie = await db.write(login_links.use_link, first)
            session = await db.read(sessions.find_session, cookie)
            assert session is not None
            assert (session.name, session.role) == ("admin", Role.ADMIN)
            assert not await db.read(login_links.is_link, after_restart or ""), "the other printed link dies with it"
            await db.write(accounts.set_own_password, session.actor(None), session, None, HASH)
            assert await db.write(login_links.first_link) is None

    asyncio.run(story())


def test_replicas_that_start_at_once_make_one_administrator(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            made = await asyncio.gather(*(db.write(login_links.first_link) for _ in range(3)))

            assert len(set(made)) == 3
            assert len((await db.read(accounts.list_users)).items) == 1

    asyncio.run(story())


def test_a_link_works_once(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            secret = await db.write(login_links.make_link)
            assert secret
            tries = (db.write(login_links.use_link, secret) for _ in range(3))
            done = await asyncio.gather(*tries, return_exceptions=True)

            assert [type(each) for each in done].count(str) == 1
            assert [type(each) for each in done].count(NotFound) == 2
            assert not await db.read(login_links.is_link, secret)

    asyncio.run(story())


def test_a_link_runs_out_and_is_known_by_its_hash_only(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            secret = await db.write(login_links.make_link)

            database.clock.advance(login_links.LINK_MS - 1)
            assert await db.read(login_links.is_link, secret)
            assert not await db.read(login_links.is_link, sessions.hash_secret(secret))
            database.clock.advance(1)
            assert not await db.read(login_links.is_link, secret)
            with pytest.raises(NotFound):
                await db.write(login_links.use_link, secret)

    asyncio.run(story())


def test_a_link_for_somebody(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            kim = await person(db, "kim")
            secret = await db.write(login_links.make_link, "KIM")

            await db.write(accounts.change_user, SYSTEM, kim.id, KEEP | {"is_active": False})
            assert not await db.read(login_links.is_link, secret)
            with pytest.raises(Conflict, match="deactivated"):
                await db.write(login_links.make_link, "kim")
            with pytest.raises(NotFound):
                await db.write(login_links.make_link, "lee")

    asyncio.run(story())


def test_who_owns_the_database_gets_an_administrator_back(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            admin = await person(db, "Admin", Role.ADMIN)
            await person(db, "boss", Role.ADMIN)
            await db.write(accounts.change_user, SYSTEM, admin.id, KEEP | {"role": "viewer", "is_active": False})
            session = await db.read(
                sessions.find_session, await db.write(login_links.use_link, await db.write(login_links.make_link))
            )

            assert session is not None
            assert (session.name, session.role) == ("Admin", Role.ADMIN)

    asyncio.run(story())
