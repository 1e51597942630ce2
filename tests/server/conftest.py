"""The fixture `server`: an application in process over SQLite and over PostgreSQL, see rackhand.server.fake."""

from pathlib import Path

import pytest

from rackhand.server.fake import ServerPlace
from rackhand.store.fake import DatabasePlace


@pytest.fixture
def server(database: DatabasePlace, tmp_path: Path) -> ServerPlace:
    return ServerPlace(database, tmp_path / "data")


@pytest.fixture
def sqlite_server(tmp_path: Path, sqlite_template: Path) -> ServerPlace:
    """On SQLite alone: for what does not depend on the database, such as who gets in and what pages look like."""
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return ServerPlace(DatabasePlace(f"sqlite:///{path}", "sqlite"), tmp_path / "data")
