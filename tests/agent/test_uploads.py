"""Artifacts: sent after they are declared, again until stored; a missing one changes no outcome."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from rackhand.agent.fake import FAST, make_step
from rackhand.agent.spool import Spool, Upload
from rackhand.agent.uploads import drop_litter


def left(r: Any) -> list[Any]:
    return [path for path in r.settings.work_dir.rglob("*") if path.is_file()]


def test_an_upload_is_tried_again_until_it_is_stored_and_then_no_longer_kept(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.upload_failures = 3
            job = r.server.give("SIM00001", make_step("screenshot"))

            assert (await r.server.finished(job)).status == "succeeded"
            await r.server.until(lambda: r.server.uploads)
            await r.server.until(lambda: not left(r))
            puts = [line for line in r.server.requests if line.startswith("PUT")]
            assert len(puts) == 4

    asyncio.run(story())


def test_an_upload_that_never_works_is_given_up(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=replace(FAST, upload_window_ms=200)) as r:
            r.server.upload_failures = 1_000_000
            job = r.server.give("SIM00001", make_step("screenshot"))

            assert (await r.server.finished(job)).status == "succeeded"
            await r.server.until(lambda: not left(r))
            assert r.server.uploads == {}

    asyncio.run(story())


def test_an_upload_that_is_damaged_on_the_way_is_sent_again(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.damaged_uploads = 2
            await r.server.finished(r.server.give("SIM00001", make_step("screenshot")))

            await r.server.until(lambda: r.server.uploads)
            await r.server.until(lambda: not left(r))

    asyncio.run(story())


def test_a_file_that_changed_since_it_was_announced_is_given_up(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.upload_failures = 1_000_000
            await r.server.finished(r.server.give("SIM00001", make_step("screenshot")))
            await r.server.until(lambda: any(line.startswith("PUT") for line in r.server.requests))
            for path in left(r):
                path.write_bytes(b"something else")
            r.server.upload_failures = 0

            await r.server.until(lambda: not left(r))
            assert r.server.uploads == {}

    asyncio.run(story())


def test_uploads_go_on_after_a_restart(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.upload_failures = 1_000_000
            await r.server.finished(r.server.give("SIM00001", make_step("screenshot")))
            await r.stop()
            r.server.upload_failures = 0
            await r.start()

            await r.server.until(lambda: r.server.uploads)

    asyncio.run(story())


def test_litter_of_a_killed_agent_is_removed_and_owed_files_stay(tmp_path: Path) -> None:
    for name in ("owed", "litter"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "output.log").write_bytes(b"x")
    spool = Spool()
    owed = str(tmp_path / "owed" / "output.log")
    spool.uploads["a"] = Upload(artifact_id="a", event_id="e", path=owed, content_type="", sha256="", give_up_at=0)

    drop_litter(tmp_path, spool)
    drop_litter(tmp_path / "nothing", spool)

    assert [path.name for path in tmp_path.iterdir()] == ["owed"]


def test_a_file_that_cannot_be_opened_for_now_is_not_given_up(rack: Any, monkeypatch: Any) -> None:
    def exhausted(*_: object) -> None:
        raise OSError(24, "Too many open files")

    async def story() -> None:
        async with rack() as r:
            with monkeypatch.context() as patch:
                patch.setattr("rackhand.agent.client.ServerClient.put_file", exhausted)
                await r.server.finished(r.server.give("SIM00001", make_step("screenshot")))
                await r.server.pause(100)
            await r.server.until(lambda: r.server.uploads)

    asyncio.run(story())


def test_a_file_that_is_gone_is_given_up(rack: Any, monkeypatch: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.upload_failures = 1_000_000
            await r.server.finished(r.server.give("SIM00001", make_step("screenshot")))
            await r.server.until(lambda: any(line.startswith("PUT") for line in r.server.requests))
            for path in left(r):
                path.unlink()
            asked = len(r.server.requests)
            r.server.upload_failures = 0
            await r.server.until(lambda: len(r.server.requests) > asked + 5)
            assert r.server.uploads == {}

    asyncio.run(story())
