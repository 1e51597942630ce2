"""`rackhand doctor`: what it finds where all is well, and what it says where it is not."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from rackhand import __version__
from rackhand.cli import checks
from rackhand.cli.checks_server import check_node
from rackhand.cli.checks_usb import check_usb
from rackhand.cli.fake import Rig
from rackhand.cli.finding import Level
from rackhand.sim.ports import free_port
from rackhand.store import versions
from rackhand.store.schema import SchemaState

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


def test_nodes_are_told_with_what_is_wrong_with_them(ask: Command, rig: Rig) -> None:
    found = findings(ask("doctor", "--json", RACKHAND_DATA=str(rig.folder / "server")))

    assert found["database"]["detail"].startswith("SQLite")
    assert found["schema"]["level"] == "ok"
    assert found["front end"]["level"] == "ok"
    sound = {
        "id": "PC-01",
        "online": True,
        "last_error_message": None,
        "agent_version": __version__,
        "adb_version": "36.0.0",
    }
    assert check_node(sound).level is Level.OK
    for change in (
        {"online": False},
        {"last_error_message": "the clock of this PC is +9 s off"},
        {"adb_version": "33.0.1"},
        {"agent_version": "0.0.1"},
    ):
        finding = check_node(sound | change)
        assert (finding.level, bool(finding.advice)) == (Level.WARN, True), finding


@pytest.mark.parametrize(
    ("kind", "version", "level"),
    [
        ("SQLite", "3.53.4", Level.OK),
        ("SQLite", "3.40.1", Level.WARN),
        ("PostgreSQL", "17.2", Level.OK),
        ("PostgreSQL", "18beta2", Level.OK),
        ("PostgreSQL", "13.14", Level.FAIL),
    ],
)
def test_versions_of_databases_with_known_trouble_are_told(kind: str, version: str, level: Level) -> None:
    oldest = {"SQLite": versions.SOUND_SQLITE, "PostgreSQL": versions.OLDEST_POSTGRESQL}[kind]
    finding = checks._judge_version(versions._judge(kind, version, oldest))

    assert (finding.level, bool(finding.advice)) == (level, level is not Level.OK), finding


@pytest.mark.parametrize(
    ("state", "level", "word"),
    [
        (SchemaState("0001", "0001"), Level.OK, "up to date"),
        (SchemaState("0001", "0002"), Level.FAIL, "needs 0002"),
        (SchemaState(None, "0002"), Level.FAIL, "empty"),
        (SchemaState("0003", "0002", is_newer=True), Level.FAIL, "newer rackhand"),
    ],
)
def test_a_schema_that_is_older_or_newer_is_told(state: SchemaState, level: Level, word: str) -> None:
    finding = checks._judge_schema(state)

    assert (finding.level, word in finding.detail) == (level, True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sysfs is Linux's")
def test_phones_that_this_user_may_not_open_are_told(tmp_path: Path) -> None:
    nodes = tmp_path / "dev"
    for port, number in (("1-1", 4), ("1-2", 5)):
        device, interface = tmp_path / "sys" / port, tmp_path / "sys" / f"{port}:1.0"
        device.mkdir(parents=True)
        interface.mkdir()
        words = {device / "busnum": "1", device / "devnum": str(number), interface / "bInterfaceClass": "ff"}
        words |= {interface / "bInterfaceSubClass": "42", interface / "bInterfaceProtocol": "01"}
        for path, word in words.items():
            path.write_text(f"{word}\n", encoding="ascii")
    (nodes / "001").mkdir(parents=True)
    (nodes / "001" / "004").touch()
    (found,) = check_usb(tmp_path / "sys", nodes)
    assert (found.level, "1 of 2 phones" in found.detail, "001/005" in found.detail) == (Level.FAIL, True, True)
    assert "udev" in found.advice
    (nodes / "001" / "005").touch()
    assert check_usb(tmp_path / "sys", nodes)[0].detail.startswith("2 phones")
    (tmp_path / "none").mkdir()
    assert check_usb(tmp_path / "none", nodes)[0].level is Level.OK
