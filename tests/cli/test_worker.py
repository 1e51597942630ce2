"""`rackhand worker`: on SQLite it says who does its work."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Command = Callable[..., Result]


def test_on_sqlite_there_is_nothing_to_do(command: Command, tmp_path: Path) -> None:
    ended: Result = command("worker", "--data", str(tmp_path))

    assert ended.exit_code == 1
    assert "on SQLite the server does the background jobs itself" in ended.stderr
