"""The fixture `server`: an application in process over SQLite and over PostgreSQL, see rackhand.server.fake."""

from pathlib import Path

import pytest

from rackhand.server.fake import ServerPlace
from rackhand.store.fake import DatabasePlace


@pytest.fixture
def server(database: DatabasePlace, tmp_path: Path) -> ServerPlace:
    return ServerPlace(database, tmp_path / "data")
