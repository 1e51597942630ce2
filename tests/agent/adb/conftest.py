"""What the stories of this folder share: a real adb binary, free ports, a home for adb's key, a scripted peer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from rackhand.agent.adb.binary import Binary, find_binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.stream import Deadlines

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Peer = Callable[[Handler], AbstractAsyncContextManager[Adb]]


def pick_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def adb_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """adb makes its key in the home folder; the tests give it one of their own."""
    home = tmp_path_factory.mktemp("adb-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("ANDROID_USER_HOME", str(home / ".android"))
        yield home


@pytest.fixture(scope="session")
def binary(adb_home: Path) -> Binary:
    """A real adb binary; its absence is a failure, not a skip."""
    return asyncio.run(find_binary())


@pytest.fixture
def port() -> int:
    return pick_port()


@pytest.fixture
def peer() -> Peer:
    """A server that plays a script, to see what the client makes of it."""

    @asynccontextmanager
    async def serve(handler: Handler) -> AsyncIterator[Adb]:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            yield Adb(port=port, deadlines=Deadlines(connect_ms=1_000, answer_ms=200, cleanup_ms=200))

    return serve
