"""What the stories of this folder share: racks on both fronts, a real adb binary, and a peer that plays a script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from rackhand.agent.adb.binary import Binary, find_binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.stream import Deadlines
from rackhand.sim.ports import free_port
from rackhand.sim.rack import Rack, open_rack

RackMaker = Callable[[int], AbstractAsyncContextManager[Rack]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Peer = Callable[[Handler], AbstractAsyncContextManager[Adb]]


@pytest.fixture(scope="session")
def adb_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """adb makes its key in the home folder; the tests give it one of their own."""
    home = tmp_path_factory.mktemp("adb-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def binary(adb_home: Path) -> Binary:
    """A real adb binary; its absence is a failure, not a skip."""
    return asyncio.run(find_binary())


@pytest.fixture(params=["server", "transport"])
def rack(request: pytest.FixtureRequest, binary: Binary) -> RackMaker:
    """A maker of racks, once for each front."""
    return lambda count: open_rack(count, request.param, binary.path)


@pytest.fixture
def server_rack() -> RackMaker:
    """A maker of racks behind the simulated adb server only, for what does not depend on the front."""
    return lambda count: open_rack(count, "server")


@pytest.fixture
def real_rack(binary: Binary) -> RackMaker:
    """A maker of racks behind the real adb server only."""
    return lambda count: open_rack(count, "transport", binary.path)


@pytest.fixture
def port() -> int:
    return free_port()


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
