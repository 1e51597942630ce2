"""`rackhand backup` and `rackhand restore`: from one data folder into another, with words for what was wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from rackhand.store.fake import DatabasePlace

Command = Callable[..., Result]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_folder_goes_into_postgresql_and_back(command: Command, tmp_path: Path, database: DatabasePlace) -> None:
    old, new, file = str(tmp_path / "old"), str(tmp_path / "new"), str(tmp_path / "night.tar")
    assert command("db", "upgrade", "--data", old).exit_code == 0

    wrote = command("backup", file, "--data", old, "--json")
    assert wrote.exit_code == 0, wrote.output
    assert json.loads(wrote.stdout) == {"rows": 2, "contents": 0, "gone": [], "damaged": []}
    restored = command("restore", file, "--data", new, "--database-url", database.url)
    assert restored.exit_code == 0, restored.output
    assert f"Restored {file}: 2 rows, 0 contents." in restored.stdout

    again = command("backup", file, "--data", old)
    assert again.exit_code == 1
    assert "is there already; nothing was written" in again.stderr


def test_what_is_no_backup_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "night.tar").write_bytes(b"no tar at all")

    ended = command("restore", "night.tar", "--data", str(tmp_path / "new"))

    assert ended.exit_code == 1
    assert "night.tar is not a whole backup" in ended.stderr
