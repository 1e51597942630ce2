"""What the stories of this folder share: a peer that plays a script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.stream import Deadlines

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Peer = Callable[[Handler], AbstractAsyncContextManager[Adb]]


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
