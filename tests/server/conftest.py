"""The fixture `server`: an application in process over SQLite and over PostgreSQL, see rackhand.server.fake."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from rackhand.engine import passwords
from rackhand.server.fake import ServerPlace
from rackhand.store.fake import DatabasePlace


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords() -> Iterator[None]:
    """A guess costs the product a fifth of a second, on purpose; what it costs is tested in tests/engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(1, 8, 1, hash_len=32, salt_len=16))
        patch.setattr(passwords, "_NOBODY", passwords._NOBODY.replace("$m=65536,t=3,p=4$", "$m=8,t=1,p=1$"))
        yield


@pytest.fixture
def server(database: DatabasePlace, tmp_path: Path) -> ServerPlace:
    return ServerPlace(database, tmp_path / "data")


@pytest.fixture
def sqlite_server(tmp_path: Path, sqlite_template: Path) -> ServerPlace:
    """On SQLite alone: for what does not depend on the database, such as who gets in and what pages look like."""
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return ServerPlace(DatabasePlace(f"sqlite:///{path}", "sqlite"), tmp_path / "data")
