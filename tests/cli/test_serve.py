"""`rackhand serve` and `rackhand sim`: what they refuse before anything starts. Running ones: tests/e2e."""

import socket
from collections.abc import Callable

import pytest
from typer.testing import Result

Command = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "environment", "reason"),
    [
        ([], {"RACKHAND_PORT": "many"}, "RACKHAND_PORT"),
        (["--port", "70000"], {}, "--port"),
        (["--config", "missing.toml"], {}, "missing.toml"),
        ([], {"RACKHAND_BOOTSTRAP_TOKEN": "short"}, "at least 32 characters"),
        (["--host", "0.0.0.0", "--port", "0"], {}, "reachable from other machines"),
        (["--port", "0"], {"RACKHAND_DATABASE_URL": "mysql://x"}, "mysql"),
    ],
)
def test_wrong_settings_are_wrong_usage(
    command: Command, words: list[str], environment: dict[str, str], reason: str
) -> None:
    ended: Result = command("serve", *words, **environment)

    assert ended.exit_code == 2, ended.output
    assert reason in ended.stderr
    assert "Ready" not in ended.stdout


def test_a_port_in_use_says_what_to_do(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended: Result = command("serve", "--port", str(taken.getsockname()[1]))

    assert ended.exit_code == 1
    assert "choose another --port" in ended.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--devices", "0"], "--devices"),
        (["--devices", "2", "--front", "sideways"], "--front must be"),
        (["--devices", "2", "--scenario", "missing.toml"], "missing.toml"),
    ],
)
def test_a_wrong_rack_is_wrong_usage(command: Command, words: list[str], reason: str) -> None:
    ended: Result = command("sim", *words)

    assert ended.exit_code == 2
    assert reason in ended.stderr
    assert ended.stdout == ""
