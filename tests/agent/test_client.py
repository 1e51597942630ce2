"""HTTP to the server: which answers mean later, and which mean no."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rackhand.agent.client import ServerClient, ServerRefused, ServerUnreachable
from rackhand.agent.fake import FakeServer
from rackhand.agent.servertime import ServerTime
from rackhand.agent.settings import AgentSettings
from rackhand.sim.ports import free_port


def ask(url: str, folder: Path, timeout_ms: int = 2_000) -> Any:
    async def call() -> bytes:
        async with ServerClient(AgentSettings(url, "PC-01", "t", folder), ServerTime()) as client:
            return await client.post("/api/nodes/pull", b'{"node_id":"PC-01","wait_ms":0}', timeout_ms)

    return call()


@pytest.mark.parametrize(("status", "hint"), [(401, "rotate its token"), (403, "--node-id"), (426, "update the agent")])
def test_a_refusal_that_stays_says_what_to_do(tmp_path: Path, status: int, hint: str) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            server.answer_status = status
            with pytest.raises(ServerRefused, match=hint) as caught:
                await ask(server.url, tmp_path)
            assert caught.value.is_persistent

    asyncio.run(story())


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_some_answers_mean_later(tmp_path: Path, status: int) -> None:
    async def story() -> None:
        async with FakeServer() as server:
            server.answer_status = status
            with pytest.raises(ServerUnreachable, match=str(status)):
                await ask(server.url, tmp_path)

    asyncio.run(story())


def test_nobody_there_and_nobody_answering_end_in_time(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(ServerUnreachable, match="no answer from"):
            await ask(f"http://127.0.0.1:{free_port()}", tmp_path)
        async with FakeServer() as server:
            server.is_silent = True
            with pytest.raises(ServerUnreachable, match="no answer from"):
                await ask(server.url, tmp_path, timeout_ms=100)

    asyncio.run(story())
