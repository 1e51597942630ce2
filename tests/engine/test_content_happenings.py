"""What content has to tell: a new video once, and a budget that is nearly spent; read from its own tables."""

import asyncio

import pytest

from rackhand.core.happenings import Found, Happening
from rackhand.core.video_answers import Channel, Upload
from rackhand.engine import channels, content, content_source
from rackhand.engine.access import SYSTEM
from rackhand.engine.content_happenings import SOURCES
from rackhand.store import content as rows
from rackhand.store import source
from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace

LOBBY = Channel("UC1", "Lobby", "@lobby", "UU1", 1)


def told(tx: Tx, since: int) -> list[Found]:
    return [found for look in SOURCES for found in look(tx, since)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_new_video_and_a_low_budget_are_told(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            began = database.clock.at
            await db.write(content_source.change, SYSTEM, {"api_key": "k", "daily_units": 100}, "sealed")
            channel = await db.write(channels.register, SYSTEM, LOBBY)
            assert await db.read(told, began) == []

            at = database.clock.advance(60_000)
            upload = Upload("bbbbbbbbbbb", "Fresh", at, None)
            await db.write(
                lambda tx: rows.add_new(
                    tx, [content.new_row(tx, upload, channel.id, channel.title, channel.created_at)]
                )
            )
            (video,) = await db.read(told, began)
            assert (video.kind, video.values) == (Happening.NEW_VIDEO, {"title": "Fresh", "channel": "Lobby"})
            assert await db.read(told, at) == [], "since then nothing came"

            assert await db.write(source.take, 91, 100)
            (quota,) = await db.read(told, at)
            assert (quota.kind, quota.values) == (Happening.QUOTA_LOW, {"left": 9, "budget": 100})

    asyncio.run(story())
