"""The agent as a whole: it starts light, ends on a signal, and says what is wrong with it."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rackhand.agent.fake import FAST, FakeServer
from rackhand.agent.lock import FolderInUse
from rackhand.agent.main import run_agent
from rackhand.agent.settings import AgentSettings
from rackhand.sim.ports import free_port


def test_it_loads_neither_sql_nor_the_web_framework() -> None:
    code = "import sys, rackhand.agent.main as m; print(*{n.partition('.')[0] for n in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert not {"sqlalchemy", "litestar", "sqlite3", "alembic", "uvicorn"} & set(loaded.stdout.split())


def test_a_second_agent_in_the_same_folder_is_refused(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            with pytest.raises(FolderInUse):
                await run_agent(r.settings, asyncio.Event())

    asyncio.run(story())


def test_without_an_adb_server_it_beats_and_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            stop = asyncio.Event()
            settings = AgentSettings(
                server.url, "PC-01", "t", tmp_path, adb_port=free_port(), adb_path=Path("/nonexistent"), periods=FAST
            )
            agent = asyncio.create_task(run_agent(settings, stop))
            await server.until(lambda: server.beats and server.beats[-1].node.last_error_message)
            await server.until(lambda: server.beats[-1].devices == [])
            stop.set()

            assert await agent == 0
            assert "/nonexistent" in (server.beats[-1].node.last_error_message or "")

    asyncio.run(story())


def test_without_a_server_it_goes_on_asking_and_ends_when_told(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.answer_status = 401
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 5)
            r.server.answer_status = 0
            beats = len(r.server.beats)
            await r.server.until(lambda: len(r.server.beats) > beats)
            r.server.is_silent = True

            assert await r.stop() == 0

    asyncio.run(story())


def test_a_silent_server_is_given_up_and_asked_again(rack: Any) -> None:
    async def story() -> None:
        async with rack(periods=replace(FAST, request_ms=100, pull_wait_ms=100)) as r:
            r.server.is_silent = True
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 6)
            r.server.is_silent = False
            beats = len(r.server.beats)

            await r.server.until(lambda: len(r.server.beats) > beats)

    asyncio.run(story())


def test_a_damaged_journal_is_reported_and_work_goes_on(rack: Any, tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "agent").mkdir()
        (tmp_path / "agent" / "journal").write_bytes(b"12345678 {broken\n")
        async with rack() as r:
            await r.server.until(lambda: "damaged" in (r.server.beats[-1].node.last_error_message or ""))

    asyncio.run(story())
