"""`rackhand doctor`: what it finds where all is well, and what it says where it is not."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from rackhand.cli.fake import Rig
from rackhand.cli.fake_process import free_port

Command = Callable[..., Result]


def findings(ended: Result) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(ended.stdout)}


def test_a_sound_machine(ask: Command, rig: Rig, tmp_path: Path) -> None:
    settings = {"RACKHAND_PORT": str(rig.port), "RACKHAND_DATA": str(tmp_path)}
    ended: Result = ask("doctor", "--json", "--adb-port", str(free_port()), **settings)

    assert ended.exit_code == 0, ended.output
    found = findings(ended)
    assert {"python", "adb binary", "data folder", "disk", "database", "server", "clock", "token"} <= set(found)
    assert all(each["level"] != "fail" for each in found.values())
    assert "knows" in found["token"]["detail"]
    assert found[f"port {rig.port}"]["detail"] == "a rackhand server has it"


def test_a_simulated_adb_server_is_used_with_a_warning(ask: Command, rig: Rig) -> None:
    port = rig.sims[0].ports[0]
    ended: Result = ask("doctor", "--json", "--adb-port", str(port))

    assert findings(ended)[f"adb server on port {port}"]["level"] == "warn"


def test_what_fails_is_said_with_what_to_do(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    gone = f"http://127.0.0.1:{free_port()}"
    words = ["--server", gone, "--adb", str(tmp_path / "file"), "--data", str(tmp_path / "file")]
    ended: Result = command("doctor", "--json", *words)

    assert ended.exit_code == 1
    found = findings(ended)
    for name in ("adb binary", "data folder", "server"):
        assert found[name]["level"] == "fail", found[name]
        assert found[name]["advice"]


def test_no_server_where_none_was_named_is_only_a_warning(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rackhand.cli.doctor.DEFAULT_SERVER", gone := f"http://127.0.0.1:{free_port()}")
    ended: Result = command("doctor", "--json", "--server", gone)

    assert findings(ended)["server"]["level"] == "warn"


def test_another_program_on_the_port_is_told(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.settimeout(30)
        ended: Result = command("doctor", "--adb-port", str(free_port()), RACKHAND_PORT=str(port))

    assert "another program has it" in ended.stdout


def test_a_wrong_token_fails(ask: Command) -> None:
    ended: Result = ask("doctor", "--json", RACKHAND_TOKEN="wrong")

    assert ended.exit_code == 1
    assert findings(ended)["token"]["level"] == "fail"
