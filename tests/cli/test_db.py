"""`rackhand db`: upgrade and check."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

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
