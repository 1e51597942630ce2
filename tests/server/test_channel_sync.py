"""Channels at a local source: new videos appear, no budget is overspent, and no fault of one blocks the others."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rackhand.core import content_reasons
from rackhand.core.errors import Conflict, Invalid
from rackhand.core.quota import HOUR_MS, LONGEST_MS, MINUTE_MS, SHORTEST_MS, resets_at
from rackhand.engine import channel_syncs, channels, content, content_source
from rackhand.engine.access import SYSTEM
from rackhand.engine.channels import ChannelView
from rackhand.engine.content import ContentView
from rackhand.server import channel_sync
from rackhand.server.content_desk import Desk, make_desk
from rackhand.server.settings import Settings
from rackhand.server.vault import open_vault
from rackhand.sim.video_site import KEY, VideoSite
from rackhand.store import content as rows
from rackhand.store import source
from rackhand.store.blobs import DirectoryBlobs
from rackhand.store.db import Database
from rackhand.store.fake import MORNING, DatabasePlace, FakeClock

ALL = {"limit": 500, "cursor": None, "q": None, "tag": None, "channel": None, "is_new": False, "is_archived": False}


@pytest.fixture
def site() -> Iterator[VideoSite]:
    with VideoSite() as running:
        yield running


class Channels:
    """A desk at the local source, and what people do at it."""

    def __init__(self, db: Database, desk: Desk, clock: FakeClock) -> None:
        self.db, self.desk, self.clock = db, desk, clock

    async def key(self, key: str = KEY, units: int | None = None) -> None:
        await self.desk.change_source(SYSTEM, {"api_key": key, "daily_units": units})

    async def add(self, handle: str) -> ChannelView:
        return await self.desk.register_channel(SYSTEM, handle)

    async def sync(self, after_ms: int = 0) -> None:
        self.clock.advance(after_ms)
        await channel_sync.sync_channels(self.desk, lambda: False)

    async def videos(self, **filters: object) -> list[ContentView]:
        return list((await self.db.read(content.list_content, ALL | filters)).items)

    async def channel(self, view: ChannelView) -> ChannelView:
        return await self.db.read(channels.get, view.id)

    async def source(self) -> content_source.SourceView:
        return await self.db.read(content_source.read)


@asynccontextmanager
async def opened(database: DatabasePlace, site: VideoSite, folder: Path) -> AsyncIterator[Channels]:
    async with database.started() as db:
        settings = Settings(data=folder, content_api_url=site.api, outbound_allow=("127.0.0.1",))
        desk = make_desk(db, settings, open_vault("", folder), DirectoryBlobs(folder / "artifacts"))
        yield Channels(db, desk, database.clock)


def test_a_new_video_is_news_until_somebody_sees_it(database: DatabasePlace, site: VideoSite, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            lab = site.channel("lab", 3, latest_at=MORNING - HOUR_MS)
            await here.key()
            added = await here.add("https://www.youtube.com/@lab")
            await here.sync()
            known = await here.videos()
            assert [video.title for video in known] == ["Lab 3", "Lab 2", "Lab 1"]
            assert not any(video.is_new for video in known), "what was there before is no news"
            assert {video.duration_ms for video in known} == {200_000}, "details in one call for all"
            assert (site.count("playlistItems"), site.count("videos")) == (1, 1)

            site.upload(lab, "Fresh", MORNING + MINUTE_MS)
            await here.sync(SHORTEST_MS - 1)
            assert site.count("playlistItems") == 1, "not due"
            await here.sync(1)
            (fresh,) = await here.videos(is_new=True)
            assert (fresh.title, fresh.channel_title, fresh.channel_id) == ("Fresh", "Lab", added.id)
            (told,) = await here.db.read(rows.new_videos, MORNING)
            assert (told.id, told.title, told.channel_title) == (fresh.id, "Fresh", "Lab")

            await here.sync(SHORTEST_MS)
            assert site.count("playlistItems") == 3, "the ETag spared the body, not the unit"
            view = await here.source()
            assert (view.spent, view.left) == (site.spent, 10_000 - site.spent)
            assert await here.db.write(content.mark_seen, SYSTEM, None) == 1
            assert await here.videos(is_new=True) == []

    asyncio.run(story())


def test_replicas_never_sync_a_channel_twice_nor_overspend(
    database: DatabasePlace, site: VideoSite, tmp_path: Path
) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as one, opened(database, site, tmp_path) as two:
            for number in range(12):
                site.channel(f"lab{number}", 1, latest_at=MORNING)
            await one.key()
            for number in range(12):
                await one.add(f"@lab{number}")
            await asyncio.gather(one.sync(), two.sync(), one.sync())
            assert site.count("playlistItems") == 12
            assert len(await one.videos()) == 12

            await one.key(units=(await one.source()).spent + 10)
            one.clock.advance(2 * LONGEST_MS)
            await asyncio.gather(one.sync(), two.sync())
            view = await one.source()
            assert view.spent <= view.daily_units - view.for_people, "the rest is for people"
            assert view.spent == site.spent

    asyncio.run(story())


on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@on_sqlite
def test_a_spent_quota_sleeps_until_midnight_pacific(database: DatabasePlace, site: VideoSite, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            site.channel("lab", 1, latest_at=MORNING)
            await here.key()
            added = await here.add("@lab")
            site.quota = site.spent
            await here.sync()
            view = await here.source()
            assert (view.state, view.blocked_reason) == ("paused", content_reasons.QUOTA_SPENT)
            assert view.blocked_until_at == resets_at(MORNING)
            assert (await here.channel(added)).failure_count == 0, "it is not the channel's fault"
            before = site.spent
            await here.sync(HOUR_MS)
            with pytest.raises(Conflict, match="quota is used up"):
                await here.add("@other")
            assert site.spent == before
            site.quota += 1_000
            await here.sync(resets_at(here.clock.at) - here.clock.at)
            assert (await here.source()).state == "ready"
            assert len(await here.videos()) == 1

    asyncio.run(story())


@on_sqlite
def test_a_revoked_key_says_so_and_another_one_works_at_once(
    database: DatabasePlace, site: VideoSite, tmp_path: Path
) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            site.channel("lab", 1, latest_at=MORNING)
            await here.key()
            await here.add("@lab")
            site.keys = {"another"}
            await here.sync()
            view = await here.source()
            assert view.state == "paused"
            assert "refused the API key (API key not valid." in (view.blocked_reason or "")
            await here.key("another")
            await here.sync()
            assert len(await here.videos()) == 1
            sealed = (await here.db.read(source.read)).sealed_key
            assert sealed is not None
            assert "another" not in sealed

    asyncio.run(story())


@on_sqlite
def test_outages_double_the_pause_and_lose_nothing(database: DatabasePlace, site: VideoSite, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            site.channel("lab", 1, latest_at=MORNING)
            await here.key()
            await here.add("@lab")
            pauses = []
            for status, reason in ((503, "backendError"), (500, "x"), (429, "rateLimitExceeded")):
                site.fail("playlistItems", status, reason)
                await here.sync()
                until = (await here.source()).blocked_until_at
                assert until is not None
                pauses.append(until - here.clock.at)
                here.clock.at = until
            assert pauses == [MINUTE_MS // 2, MINUTE_MS, 4 * MINUTE_MS]
            await here.sync()
            assert len(await here.videos()) == 1
            assert (await here.db.read(source.read)).failure_count == 0

    asyncio.run(story())


@on_sqlite
def test_one_channels_bad_answer_delays_no_other(database: DatabasePlace, site: VideoSite, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            await here.key()
            site.channel("empty")
            empty = await here.add("@empty")
            bad = site.channel("bad", 1, latest_at=MORNING)
            added = await here.add("@bad")
            site.fail("playlistItems", 200, body=b'{"items": 7}')
            await here.db.write(channels.change, SYSTEM, empty.id, {"is_enabled": False})
            await here.sync()
            view = await here.channel(added)
            assert (view.failure_count, view.last_error_message) == (1, content_reasons.UNREADABLE)
            assert view.next_sync_at == here.clock.at + 2 * SHORTEST_MS
            await here.db.write(channels.change, SYSTEM, empty.id, {"is_enabled": True})
            site.channel("good", 1, latest_at=MORNING)
            await here.add("@good")
            await here.sync()
            assert [video.channel_title for video in await here.videos()] == ["Good"]
            assert (await here.channel(empty)).last_error_message == content_reasons.NO_UPLOADS
            await here.sync(2 * SHORTEST_MS)
            assert {video.channel_title for video in await here.videos()} == {"Good", bad.title}
            assert (await here.channel(added)).failure_count == 0

            await here.db.write(channels.remove, SYSTEM, added.id)
            assert len(await here.videos()) == 2, "its videos stay"
            with pytest.raises(Conflict, match="registered already, as Good"):
                await here.add("@good")
            with pytest.raises(Invalid, match="names no channel"):
                await here.add("@nobody")

    asyncio.run(story())


@on_sqlite
def test_a_channel_of_20_000_uploads_is_listed_in_part_with_progress(
    database: DatabasePlace, site: VideoSite, tmp_path: Path
) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            huge = site.channel("huge", 1_000, latest_at=MORNING - HOUR_MS)
            huge.upload_total = 20_000
            await here.key()
            added = await here.add("@huge")
            await here.sync()
            view = await here.channel(added)
            assert (view.backfill_state, view.backfill_count, view.backfill_total) == ("running", 250, 500)
            assert view.upload_count == 20_000
            for _ in range(2):
                await here.sync(SHORTEST_MS)
            view = await here.channel(added)
            assert (view.backfill_state, view.backfill_count) == ("done", 500)
            listed = await here.videos()
            assert len(listed) == 500
            assert [video.title for video in listed[:2]] == ["Huge 1000", "Huge 999"], "newest first"
            assert site.spent < 40

            for number in range(60):
                site.upload(huge, f"Burst {number}", here.clock.at)
            await here.sync(SHORTEST_MS)
            await here.sync(SHORTEST_MS)
            assert len(await here.videos(is_new=True)) == 60, "more than a page at once: none is lost"
            assert await here.db.write(channel_syncs.trim, 10) == []

    asyncio.run(story())


@on_sqlite
def test_a_private_video_is_refused_and_a_deleted_one_noted(
    database: DatabasePlace, site: VideoSite, tmp_path: Path
) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            lab = site.channel("lab", 1, latest_at=MORNING)
            hidden = site.upload(lab, "Hidden", MORNING, privacy="private")
            gone = site.upload(lab, "Gone", MORNING, is_deleted=True)
            address = f"https://youtu.be/{gone.id}"
            unknown = await here.desk.register(SYSTEM, address, ["lobby"])
            assert (unknown.title, unknown.fetched_at, unknown.tags) == (None, None, ("lobby",)), "without a key"
            preview = await here.desk.preview(address)
            assert "there is no API key" in (preview.note or "")
            assert preview.registered == unknown
            with pytest.raises(Conflict, match="there is no API key"):
                await here.add("@lab")

            odd = await here.desk.register(SYSTEM, "ccccccccccc", [])
            await here.key()
            site.fail("videos", 200, body=b"[]")
            await channel_sync.fetch_details(here.desk)
            for each in (unknown, odd):
                noted = await here.db.read(content.get, each.id)
                assert noted.last_error_message == content_reasons.VIDEO_UNREADABLE
            assert site.count("videos") == 1, "not asked about again and again"
            await here.db.write(rows.change, unknown.id, {"fetched_at": None})
            with pytest.raises(Invalid, match="private, was deleted, or never existed"):
                await here.desk.preview(hidden.id)
            with pytest.raises(Invalid, match="is a playlist"):
                await here.desk.preview("https://www.youtube.com/playlist?list=PL0123456789abcdef")
            with pytest.raises(Conflict, match="registered already"):
                await here.desk.register(SYSTEM, address, [])
            await channel_sync.fetch_details(here.desk)
            noted = await here.db.read(content.get, unknown.id)
            assert (noted.availability, noted.last_error_message) == ("gone", content_reasons.VIDEO_GONE)

    asyncio.run(story())


def test_chosen_videos_are_looked_at_again_each_day(database: DatabasePlace, site: VideoSite, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            lab = site.channel("lab", 2, latest_at=MORNING)
            await here.key()
            await here.add("@lab")
            await here.sync()
            tagged, other = await here.videos()
            await here.db.write(content.change, SYSTEM, tagged.id, {"tags": ["lobby"]})
            single = site.upload(lab, "Single", MORNING)
            chosen = await here.desk.register(SYSTEM, single.id, [])
            for video in lab.uploads:
                video.is_deleted = True

            before = site.count("videos")
            here.clock.advance(rows.STALE_MS)
            await channel_sync.tidy(here.desk)
            assert site.count("videos") == before, "a day has not passed"
            here.clock.advance(1)
            await channel_sync.tidy(here.desk)
            await channel_sync.tidy(here.desk)
            assert site.count("videos") == before + 1
            for each, availability in ((chosen, "gone"), (tagged, "gone"), (other, "public")):
                noted = await here.db.read(content.get, each.id)
                assert (noted.availability, noted.title) == (availability, each.title)

            single.is_deleted = False
            here.clock.advance(rows.STALE_MS + 1)
            await channel_sync.tidy(here.desk)
            back = await here.db.read(content.get, chosen.id)
            assert (back.availability, back.last_error_message) == ("public", None)

    asyncio.run(story())


@on_sqlite
def test_a_preview_and_its_saving_cost_one_call_and_the_thumbnail_is_our_own(
    database: DatabasePlace, site: VideoSite, tmp_path: Path
) -> None:
    async def story() -> None:
        async with opened(database, site, tmp_path) as here:
            lab = site.channel("lab")
            video = site.upload(lab, "Demo", MORNING, is_embeddable=False, blocked=("DE", "KR"))
            await here.key()
            shown = await here.desk.preview(f"https://www.youtube.com/shorts/{video.id}")
            assert (shown.title, shown.channel_title, shown.duration_ms) == ("Demo", "Lab", 200_000)
            assert (shown.is_embeddable, shown.regions, shown.registered) == (False, {"blocked": ["DE", "KR"]}, None)
            assert (shown.thumbnail or "").startswith("data:image/jpeg;base64,/9j/")
            saved = await here.desk.register(SYSTEM, video.id, [])
            assert saved.has_thumbnail
            assert site.count("videos") == 1
            key = f"thumbs/{saved.id}"
            jpeg = b"".join([part async for part in await here.desk.blobs.open(key)])
            assert jpeg[:3] == b"\xff\xd8\xff"

            here.clock.advance(HOUR_MS)
            await here.desk.preview(video.id)
            await here.desk.preview(video.id)
            assert site.count("videos") == 2, "asked again after a while, by its ETag"
            here.clock.advance(2 * 24 * HOUR_MS)
            await channel_sync.tidy(here.desk)
            assert site.count("videos") == 3, "a saved video is looked at again"
            await here.desk.preview(video.id)
            assert site.count("videos") == 4, "the kept answer was forgotten"

            await here.db.write(rows.change, saved.id, {"thumbnail_key": None, "thumbnail_url": site.api})
            await channel_sync.fetch_thumbnails(here.desk, lambda: False)
            assert not (await here.db.read(content.get, saved.id)).has_thumbnail, "no image: given up"

    asyncio.run(story())
