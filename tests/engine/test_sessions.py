"""Sessions: opened, found, rolled on, ended by time, by logout, by a password, by a deactivation."""

import asyncio
from typing import Any

import pytest

from rackhand.core.errors import NotAllowed
from rackhand.engine import accounts, sessions
from rackhand.engine.access import SYSTEM, Role
from rackhand.engine.sessions import IDLE_MS, LONGEST_MS, Session
from rackhand.store.db import Database
from rackhand.store.fake import DatabasePlace

KEEP: dict[str, Any] = {"role": None, "is_active": None, "password": None}


async def kim(db: Database) -> str:
    """The id of an operator."""
    return (await db.write(accounts.create_user, SYSTEM, "kim", Role.OPERATOR.value, "a hash")).id


async def find(db: Database, cookie: str) -> Session:
    found = await db.read(sessions.find_session, cookie)
    assert found is not None
    return found


def test_a_cookie_opens_what_its_person_may_do(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            user_id = await kim(db)
            cookie = await db.write(sessions.open_session, user_id, user_agent="x" * 1000, remote_addr="10.0.0.7")
            session = await find(db, cookie)

            assert len(cookie) >= 43
            assert cookie not in repr(session)
            assert (session.user_id, session.name, session.role) == (user_id, "kim", Role.OPERATOR)
            assert session.actor("10.0.0.7").name == "user:kim"
            assert (await db.read(accounts.list_users)).items[0].last_login_at == database.clock.at
            await db.write(accounts.change_user, SYSTEM, user_id, KEEP | {"role": "viewer"})
            assert (await find(db, cookie)).role is Role.VIEWER

    asyncio.run(story())


@pytest.mark.parametrize("cookie", ["", "x", "\udcff", "' OR 1=1 --"])
def test_what_is_no_cookie_opens_nothing(database: DatabasePlace, cookie: str) -> None:
    async def story() -> None:
        async with database.started() as db:
            stored = sessions.hash_secret(await db.write(sessions.open_session, await kim(db)))

            assert await db.read(sessions.find_session, cookie) is None
            assert await db.read(sessions.find_session, stored) is None, "what is stored opens nothing"

    asyncio.run(story())


def test_the_form_token_belongs_to_its_session(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            user_id = await kim(db)
            one = await find(db, await db.write(sessions.open_session, user_id))
            two = await find(db, await db.write(sessions.open_session, user_id))

            assert one.is_csrf_token(one.csrf_token)
            assert not one.is_csrf_token(two.csrf_token)
            assert not one.is_csrf_token("")
            assert not one.is_csrf_token(one.csrf_hash)

    asyncio.run(story())


def test_a_session_ends_two_weeks_after_its_last_use(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            cookie = await db.write(sessions.open_session, await kim(db))

            assert not (await find(db, cookie)).is_use_due
            database.clock.advance(60_000)
            session = await find(db, cookie)
            assert session.is_use_due
            await db.write(sessions.note_use, session)
            assert not (await find(db, cookie)).is_use_due
            database.clock.advance(IDLE_MS - 1)
            await find(db, cookie)
            database.clock.advance(1)
            assert await db.read(sessions.find_session, cookie) is None

    asyncio.run(story())


def test_a_session_ends_after_ninety_days_however_it_is_used(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            cookie = await db.write(sessions.open_session, await kim(db))
            for _ in range(8):
                database.clock.advance(LONGEST_MS // 9)
                await db.write(sessions.note_use, await find(db, cookie))

            database.clock.advance(LONGEST_MS // 9 - 1)
            await find(db, cookie)
            database.clock.advance(1)
            assert await db.read(sessions.find_session, cookie) is None

    asyncio.run(story())


def test_logging_out_ends_one_session(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            user_id = await kim(db)
            here, there, old = [await db.write(sessions.open_session, user_id) for _ in range(3)]
            await db.write(sessions.end_session, await find(db, here))
            await db.write(sessions.end_cookie, old)

            assert await db.read(sessions.find_session, here) is None
            assert await db.read(sessions.find_session, old) is None
            await find(db, there)

    asyncio.run(story())


def test_an_own_password_ends_the_other_sessions(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            user_id = await kim(db)
            here, there = [await db.write(sessions.open_session, user_id) for _ in range(2)]
            session = await find(db, here)
            await db.write(accounts.set_own_password, session.actor(None), session, "a hash", "a new hash")

            await find(db, here)
            assert await db.read(sessions.find_session, there) is None

    asyncio.run(story())


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "x"}])
def test_a_deactivation_and_a_reset_end_all_sessions(database: DatabasePlace, change: dict[str, Any]) -> None:
    async def story() -> None:
        async with database.started() as db:
            user_id = await kim(db)
            cookie = await db.write(sessions.open_session, user_id)
            new_hash = "a new hash" if "password" in change else None
            await db.write(accounts.change_user, SYSTEM, user_id, KEEP | change, new_hash)

            assert await db.read(sessions.find_session, cookie) is None
            if new_hash is None:
                with pytest.raises(NotAllowed):
                    await db.write(sessions.open_session, user_id)

    asyncio.run(story())


def test_nobody_has_no_session(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            with pytest.raises(NotAllowed):
                await db.write(sessions.open_session, "nobody")

    asyncio.run(story())
