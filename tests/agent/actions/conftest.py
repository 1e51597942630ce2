"""Racks on both fronts for the stories of this folder."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from rackhand.agent.adb.binary import Binary, find_binary
from rackhand.sim.rack import Rack, open_rack

RackMaker = Callable[[int], AbstractAsyncContextManager[Rack]]


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
