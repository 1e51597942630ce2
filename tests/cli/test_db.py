"""`rackhand db`: upgrade, check and copy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from rackhand.store.fake import DatabasePlace

Command = Callable[..., Result]


def test_check_makes_no_database_by_looking(command: Command, tmp_path: Path) -> None:
    ended: Result = command("db", "check", "--data", str(tmp_path / "d"))

    assert ended.exit_code == 1
    assert "there is no database" in ended.stderr
    assert not (tmp_path / "d").exists()


def test_upgrade_makes_it_current(command: Command, tmp_path: Path) -> None:
    for words in (["db", "upgrade"], ["db", "upgrade"], ["db", "check"]):
        ended: Result = command(*words, "--data", str(tmp_path / "d"), "--json")

        assert ended.exit_code == 0, ended.output
        said = json.loads(ended.stdout)
        assert said["is_current"] is True
        assert said["current"] == said["needed"]


def test_check_of_an_empty_database_fails_and_says_what_to_do(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "empty.sqlite3"
    file.touch()

    ended: Result = command("db", "check", "--database-url", f"sqlite:///{file}")

    assert ended.exit_code == 1
    assert "rackhand db upgrade" in ended.stdout


def test_an_unknown_kind_of_database_is_wrong_usage(command: Command) -> None:
    ended: Result = command("db", "upgrade", "--database-url", "mysql://somewhere/x")

    assert ended.exit_code == 2
    assert "postgresql://" in ended.stderr


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_copy_moves_a_folder_to_postgresql(command: Command, tmp_path: Path, database: DatabasePlace) -> None:
    data = str(tmp_path / "d")
    assert command("db", "upgrade", "--data", data).exit_code == 0

    ended: Result = command("db", "copy", database.url, "--data", data)

    assert ended.exit_code == 0, ended.output
    assert "their checksums are equal" in ended.stdout
    assert "workspaces                        1" in ended.stdout


def test_copy_begins_at_sqlite_only(command: Command, tmp_path: Path) -> None:
    ended: Result = command("db", "copy", "postgresql:///other", "--database-url", "postgresql:///rackhand")
    assert ended.exit_code == 2
    assert "rackhand backup and restore copy any kind into any other" in ended.stderr

    ended = command("db", "copy", "postgresql:///other", "--data", str(tmp_path / "nothing"))
    assert ended.exit_code == 1
    assert "there is no database" in ended.stderr
