"""`rackhand agent`: what it needs, what it refuses, and the unit that starts it with its machine."""

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from rackhand.cli.agent import command_of, make_settings, read_endpoints

Command = Callable[..., Result]

NEEDED = ("--server", "http://127.0.0.1:8765", "--node-id", "PC-01", "--token", "secret-of-the-node")


def test_what_is_missing_is_named_at_once(command: Command) -> None:
    ended: Result = command("agent", "--node-id", "PC-01")

    assert ended.exit_code == 2
    assert "--server, --token" in ended.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--server", "PC-77"], "must be an http or https URL"),
        (["--endpoint", "nowhere"], "is no host:port"),
        (["--endpoint", "host:70000"], "is no host:port"),
        (["--endpoints-file", "missing"], "missing"),
        (["--adb-port", "0"], "--adb-port"),
    ],
)
def test_wrong_flags_start_nothing(command: Command, words: list[str], reason: str) -> None:
    ended: Result = command("agent", *NEEDED, *words)

    assert ended.exit_code in (1, 2)
    assert reason in ended.stderr


def test_a_wrong_period_is_refused(command: Command) -> None:
    ended: Result = command("agent", *NEEDED, RACKHAND_AGENT_BEAT_MS="often")

    assert ended.exit_code == 2
    assert "RACKHAND_AGENT_BEAT_MS" in ended.stderr


def test_endpoints_come_from_flags_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "endpoints"
    file.write_text("# rack a\n10.0.0.1:5555\n10.0.0.2:5555 # left\n\n10.0.0.1:5555\n", encoding="utf-8")

    assert read_endpoints(["a:1, b:2", "[::1]:3"], file) == ("a:1", "b:2", "[::1]:3", "10.0.0.1:5555", "10.0.0.2:5555")


def test_the_command_of_a_unit_holds_everything_but_the_token(tmp_path: Path) -> None:
    settings = make_settings("http://h:1", "PC-01", "secret-of-the-node", tmp_path, 5038, tmp_path / "adb", ("a:1",), 8)

    words = command_of(settings)

    assert words[:4] == [sys.executable, "-m", "rackhand", "agent"]
    assert words[-2:] == ["--endpoint", "a:1"]
    assert str(tmp_path / "adb") in words
    assert "secret-of-the-node" not in " ".join(words)


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_install_writes_a_unit_and_a_token_only_for_its_owner(command: Command, tmp_path: Path) -> None:
    ended: Result = command("agent", "install", *NEEDED, "--json", HOME=str(tmp_path))

    assert ended.exit_code == 0, ended.output
    said = json.loads(ended.stdout)
    token_file = Path(said["token_file"])
    assert token_file.read_text(encoding="utf-8") == "RACKHAND_TOKEN=secret-of-the-node\n"
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    unit = Path(said["path"]).read_text(encoding="utf-8")
    assert "PC-01" in unit
    assert "secret-of-the-node" not in unit
    assert any("enable" in line for line in said["commands"])


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_install_says_what_to_run_next(command: Command, tmp_path: Path) -> None:
    ended: Result = command("agent", "install", *NEEDED, HOME=str(tmp_path))

    assert ended.exit_code == 0
    assert "systemctl --user" in ended.stdout
