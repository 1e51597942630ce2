"""Rigs for stories: `rig` is shared by the stories of a module that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rackhand.cli.fake import Rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A running server; what else runs, the module decides. Every process is ended afterwards."""
    place = Rig(tmp_path_factory.mktemp("rig"))
    try:
        place.start_server()
        yield place
    finally:
        place.close()


@pytest.fixture
def own_rig(tmp_path: Path) -> Iterator[Rig]:
    """Nothing runs yet; for stories about the server itself."""
    place = Rig(tmp_path)
    try:
        yield place
    finally:
        place.close()
