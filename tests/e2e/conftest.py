"""Rigs for stories. `rack` is shared by all stories that leave it as they found it; `own_rig` belongs to one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rackhand.cli.fake import Rig, Sim


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The shared server; modules add nodes and devices of their own numbers. Every process is ended afterwards."""
    place = Rig(tmp_path_factory.mktemp("rig"))
    try:
        place.start_server()
        yield place
    finally:
        place.close()


@pytest.fixture(scope="session")
def rack(rig: Rig) -> Sim:
    """PC-01 with devices 1 to 8, PC-02 with 9 to 16: online, without faults."""
    sim = rig.start_sim(16, nodes=2)
    for node_id, port, handles in zip(("PC-01", "PC-02"), sim.ports, sim.groups, strict=True):
        rig.start_agent(node_id, port)
        rig.until_online(handles)
    return sim


@pytest.fixture
def own_rig(tmp_path: Path) -> Iterator[Rig]:
    """Nothing runs yet; for stories about the server itself."""
    place = Rig(tmp_path)
    try:
        yield place
    finally:
        place.close()
