"""The file cache: fetched once, verified, bounded, and honest about what cannot be had."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rackhand.agent.client import ServerClient, ServerUnreachable
from rackhand.agent.fake import FAST, FakeServer
from rackhand.agent.files import FileCache, FileUnavailable
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings


def put(server: FakeServer, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    server.files[sha256] = content
    return sha256


@asynccontextmanager
async def cache(folder: Path, server: FakeServer, budget: int = 10**9) -> AsyncIterator[FileCache]:
    settings = AgentSettings(server.url, "PC-01", "t", folder)
    async with ServerClient(settings, ServerTime()) as client:
        yield FileCache(folder / "files", client, FAST, budget)


def test_a_file_is_fetched_once_for_all_who_want_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server) as files:
            sha256 = put(server, b"apk")
            paths = await asyncio.gather(*(files.path_of(sha256) for _ in range(5)))

            assert {path.read_bytes() for path in paths} == {b"apk"}
            assert len(server.requests) == 1

    asyncio.run(story())


def test_content_that_does_not_fit_is_never_given_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server) as files:
            server.files["0" * 64] = b"something else"

            with pytest.raises(FileUnavailable, match="does not fit its sha256"):
                await files.path_of("0" * 64)
            assert not (tmp_path / "files" / ("0" * 64)).exists()

    asyncio.run(story())


def test_a_torn_download_goes_on_and_is_verified(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server) as files:
            sha256 = put(server, b"whole content")
            (tmp_path / "files").mkdir()
            (tmp_path / "files" / f"{sha256}.part").write_bytes(b"wrong beginning")

            assert (await files.path_of(sha256)).read_bytes() == b"whole content"

    asyncio.run(story())


def test_a_file_that_the_server_does_not_have_is_told_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server) as files:
            with pytest.raises(FileUnavailable, match="404"):
                await files.path_of("1" * 64)
            assert len(server.requests) == 1

    asyncio.run(story())


def test_a_server_that_is_away_is_asked_a_few_times(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server) as files:
            server.answer_status = 503
            with pytest.raises(FileUnavailable, match="could not be fetched in 4 tries"):
                await files.path_of("1" * 64)

    asyncio.run(story())


def test_the_longest_unused_goes_when_the_budget_is_full(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server, budget=25) as files:
            names = [put(server, bytes([n]) * 10) for n in range(3)]
            for sha256 in names:
                await files.path_of(sha256)

            assert {path.name for path in (tmp_path / "files").iterdir()} == set(names[1:])

    asyncio.run(story())


def test_a_slow_download_may_take_as_many_tries_as_it_makes_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def a_piece(self: ServerClient, path: str, target: Path, timeout_ms: int) -> None:
        with target.open("ab") as file:
            file.write(b"x")
        if target.stat().st_size < 20:
            raise ServerUnreachable("no more within the time")

    monkeypatch.setattr(ServerClient, "get_file", a_piece)

    async def story() -> None:
        async with FakeServer() as server, cache(tmp_path, server) as files:
            sha256 = hashlib.sha256(b"x" * 20).hexdigest()
            assert (await files.path_of(sha256)).read_bytes() == b"x" * 20

    asyncio.run(story())
