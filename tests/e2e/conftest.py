"""Rigs for stories. `rack` is shared by all of this folder that leave it as they found it; `own_rig` belongs to one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rackhand.cli.fake import Rig, Sim


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Sim]]:
    """The shared server and its rack, always in this order: the rack's devices have the lowest indexes."""
    place = Rig(tmp_path_factory.mktemp("rig"))
    try:
        place.start_server()
        sim = place.start_sim(16, nodes=2)
        for node_id, port, handles in zip(("PC-01", "PC-02"), sim.ports, sim.groups, strict=True):
            place.start_agent(node_id, port)
            place.until_online(handles)
        yield place, sim
    finally:
        place.close()


@pytest.fixture(scope="package")
def rig(shared: tuple[Rig, Sim]) -> Rig:
    """The shared server; modules add nodes and devices of their own numbers. Every process is ended afterwards."""
    return shared[0]


@pytest.fixture(scope="package")
def rack(shared: tuple[Rig, Sim]) -> Sim:
    """PC-01 with devices 1 to 8, PC-02 with 9 to 16: online, without faults."""
    return shared[1]


@pytest.fixture
def own_rig(tmp_path: Path) -> Iterator[Rig]:
    """Nothing runs yet; for stories about the server itself."""
    place = Rig(tmp_path)
    try:
        yield place
    finally:
        place.close()
