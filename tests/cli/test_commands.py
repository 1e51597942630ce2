"""Stories of an operator at the command line: a server with one node of three simulated devices answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from rackhand.cli.fake import Rig
from rackhand.cli.fake_process import until
from rackhand.sim.ports import free_port

Ask = Callable[..., Result]

LOOK = """rackhand: 1
title: Look around
steps:
  - {title: Who, kind: shell, effect: repeatable, params: {command: "echo {{ params.name }}"}}
"""
FAIL = """rackhand: 1
title: Fail
steps:
  - {title: Refuse, kind: shell, params: {command: "exit 3"}}
"""


@pytest.fixture
def look(tmp_path: Path) -> str:
    (tmp_path / "look.yaml").write_text(LOOK, encoding="utf-8")
    return str(tmp_path / "look.yaml")


def data(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_a_playbook_file_runs_and_is_imported_once(ask: Ask, look: str) -> None:
    words = ("run", look, "--param", "name=o'hara $x", "--json")
    first = data(ask(*words, "--target", "1-3", "--exclude", "2"))
    second = data(ask(*words, "--target", "all", "--seed", "7", "--title", "Again", "--concurrency", "2"))

    assert (first["status"], first["counts"]["succeeded"], first["trigger"]) == ("succeeded", 2, "cli")
    assert first["playbook_id"] == second["playbook_id"]
    assert (second["seed"], second["title"]) == (7, "Again")
    log = ask("runs", "log", second["id"], "3")
    assert "1.1 o'hara $x" in log.stdout


def test_a_run_that_fails_is_exit_code_1_and_can_be_run_again(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "fail.yml").write_text(FAIL, encoding="utf-8")
    ended = ask("run", str(tmp_path / "fail.yml"), "--target", "node:PC-01")

    assert ended.exit_code == 1
    assert "3 failed" in ended.stdout
    assert "Devices: 3/3" in ended.stderr

    again = ask("runs", "rerun", "last", "--outcome", "failed", "--from", "failed_step", "--dice", "new", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["parent_run_id"] == ended.stdout.split()[0]
    assert ask("runs", "rerun", "last", "--outcome", "lost").exit_code == 2


def test_a_rollout_that_halts_is_resumed_and_aborted(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "fail.yml").write_text(FAIL, encoding="utf-8")
    words = ("run", str(tmp_path / "fail.yml"), "--target", "all", "--rollout", "1,2,100%", "--max-failed-ratio", "0")
    data(ask(*words, "--by-hand", "--no-wait", "--json"))

    def halted() -> Any:
        run = data(ask("runs", "show", "last", "--json"))["run"]
        return run if run["rollout_state"] == "halted" else None

    assert until(halted, "it halts")["rollout"]["auto"] is False
    assert data(ask("runs", "resume", "last", "--json"))["open_wave"] == 2
    assert "stopped, rollout aborted" in ask("runs", "abort", "last").stdout.replace("stopping", "stopped")
    assert ask("run", "x", "--target", "all", "--by-hand").exit_code == 2
    assert data(ask("runs", "list", "--rollout", "halted", "--json")) == []
    until(lambda: data(ask("runs", "show", "last", "--json"))["run"]["status"] == "stopped", "it has stopped")
    again = data(ask("runs", "rerun", "last", "--outcome", "failed", "--rollout", "1,100%", "--no-wait", "--json"))
    assert data(ask("runs", "show", again["id"], "--json"))["run"]["rollout"]["waves"] == [1, "100%"]
    assert ask("runs", "stop", again["id"]).exit_code == 0
    assert ask("runs", "rerun", "last", "--by-hand").exit_code == 2


def test_runs_are_listed_shown_exported_and_stopped(ask: Ask, look: str, tmp_path: Path) -> None:
    started = data(ask("run", look, "--target", "1", "--param", "name=x", "--no-wait", "--json"))

    assert started["id"] in [run["id"] for run in data(ask("runs", "list", "--json"))]
    assert started["id"] in ask("runs", "list", "--limit", "1").stdout
    assert data(ask("runs", "show", "last", "--json"))["run"]["id"] == started["id"]
    assert "SIM0000" in ask("runs", "show", started["id"]).stdout
    assert data(ask("runs", "stop", "last", "--json"))["id"] == started["id"]
    assert ask("runs", "stop", "last").exit_code == 0
    assert ask("runs", "export", "last", "--format", "junit").stdout.startswith("<?xml")
    assert ask("runs", "export", "last", "--format", "csv", "-o", str(tmp_path / "run.csv")).exit_code == 0
    assert started["id"] in (tmp_path / "run.csv").read_text(encoding="utf-8")
    assert ask("runs", "export", "last", "--format", "pdf").exit_code == 2


def test_devices_are_listed_shown_and_labelled(ask: Ask) -> None:
    assert [device["index"] for device in data(ask("devices", "list", "--json"))] == [1, 2, 3]
    assert ask("devices", "list", "--node", "PC-01", "--online", "--search", "SIM00002").stdout.count("SIM0000") == 1
    assert ask("devices", "list", "--offline").stdout.count("SIM0000") == 0
    assert "SIM0000" in ask("devices", "show", "2").stdout

    changed = data(ask("devices", "label", "2", "창가", "--set", "rack=b", "--set", "row=1", "--json"))
    assert (changed["label"], changed["labels"]) == ("창가", {"rack": "b", "row": "1"})
    changed = data(ask("devices", "label", "2", "--unset", "row", "--json"))
    assert (changed["label"], changed["labels"]) == ("창가", {"rack": "b"})
    assert "rack=b" in ask("devices", "label", "2", "창가").stdout


def test_a_target_by_label(ask: Ask, look: str) -> None:
    ask("devices", "label", "3", "--set", "wall=north")

    ended = data(ask("run", look, "--target", "label:wall=north", "--param", "name=x", "--json"))

    assert ended["counts"]["total"] == 1


def test_a_scan_is_waited_for(ask: Ask) -> None:
    assert data(ask("devices", "scan", "--json"))["found"] == 3
    assert "3 found" in ask("devices", "scan", "--node", "PC-01").stdout
    assert ask("devices", "scan", "--node", "PC-99").exit_code == 2


def test_nodes_are_enrolled_rotated_drained_and_removed(ask: Ask) -> None:
    token = ask("nodes", "enrol", "PC-07", "--name", "left rack").stdout.strip()
    assert len(token) >= 32
    assert data(ask("nodes", "rotate", "PC-07", "--json"))["token"] != token
    assert ask("nodes", "drain", "PC-07").stdout == "PC-07 draining\n"
    assert data(ask("nodes", "drain", "PC-07", "--undo", "--json"))["state"] == "active"
    assert "left rack" in ask("nodes", "list").stdout
    assert ask("nodes", "enrol", "PC-07").exit_code == 1, "it is there already"
    assert ask("nodes", "remove", "PC-07").exit_code == 1, "nobody said yes"
    assert ask("nodes", "remove", "PC-07", "--yes").exit_code == 0
    assert "PC-07" not in [node["id"] for node in data(ask("nodes", "list", "--json"))]


def test_a_preset_is_listed_and_run_and_the_checklist_is_shown(ask: Ask) -> None:
    assert "check-playback  Open a URL and check playback  --set url=..." in ask("presets", "list").stdout
    assert data(ask("presets", "list", "--json"))[0]["key"] == "health-sweep"
    assert ask("presets", "run", "check-playback", "--set", "url=here").exit_code == 2
    ended = data(ask("presets", "run", "kiosk-reset", "--target", "1", "--set", "volume=3", "--json"))
    assert (ended["status"], ended["params"]["volume"], ended["trigger"]) == ("succeeded", "3", "cli")
    shown = ask("presets", "checklist", "--json")
    assert shown.exit_code == (0 if json.loads(shown.stdout)["is_done"] else 1)
    assert "connected: PC-01" in ask("presets", "checklist").stdout


def test_playbooks_go_out_and_come_back(ask: Ask, tmp_path: Path) -> None:
    assert "Health sweep" in ask("playbooks", "presets").stdout
    assert [each["is_new"] for each in data(ask("playbooks", "presets", "--json"))] == [False] * 3
    file = tmp_path / "sweep.yaml"
    assert ask("playbooks", "export", "health sweep", "--output", str(file)).exit_code == 0
    assert ask("playbooks", "export", "Health sweep").stdout == file.read_text(encoding="utf-8")
    assert "screenshot" in ask("playbooks", "show", "Health sweep").stdout

    file.write_text(file.read_text(encoding="utf-8").replace("Health sweep", "Twin"), encoding="utf-8")
    ids = {data(ask("playbooks", "import", str(file), "--json"))["id"] for _ in range(2)}
    twins = data(ask("playbooks", "list", "--search", "Twin", "--json"))

    assert {twin["id"] for twin in twins} == ids
    assert data(ask("playbooks", "show", min(ids), "--json"))["title"] == "Twin"
    ambiguous = ask("run", "Twin", "--target", "all")
    assert ambiguous.exit_code == 1
    assert all(each in ambiguous.stderr for each in ids)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["run", "No such thing", "--target", "all"], 2, "there is no playbook"),
        (["run", "missing.yaml", "--target", "all"], 1, "missing.yaml"),
        (["run", "../../etc/passwd", "--target", "all"], 2, "there is no playbook"),
        (["run", "Health sweep", "--target", "5-1"], 2, "indexes go up"),
        (["run", "Health sweep", "--target", "900"], 2, "matches no device"),
        (["run", "Health sweep", "--target", "all", "--policy", "speed=9"], 2, "/policy/speed"),
        (["run", "Health sweep", "--target", "all", "--param", "x"], 2, "KEY=VALUE"),
        (["runs", "show", "no-such-run"], 2, "no-such-run"),
        (["runs", "show", "../nodes"], 2, ""),
        (["runs", "log", "last", "77"], 2, "77"),
        (["devices", "show", "4711"], 2, "4711"),
        (["devices", "label", "1"], 2, "--set"),
        (["nodes", "enrol", "status"], 2, "/id"),
        (["nodes", "enrol", "a b"], 2, "/id"),
        (["playbooks", "import", "missing.yaml"], 1, "missing.yaml"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(ask: Ask, words: list[str], code: int, reason: str) -> None:
    ask("playbooks", "presets")
    before = data(ask("runs", "list", "--json"))

    ended = ask(*words)

    assert ended.exit_code == code, ended.output
    assert ended.stderr.startswith("error: ")
    assert reason in ended.stderr
    assert ended.stdout == ""
    assert data(ask("runs", "list", "--json")) == before


@pytest.mark.parametrize("text", ["steps: [", "rackhand: 2\ntitle: x\nsteps: []\n", "- 1\n", "a: &a 1\nb: *a\n"])
def test_a_broken_playbook_file_is_refused_with_its_reasons(ask: Ask, tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yaml").write_text(text, encoding="utf-8")

    for words in (["run", "broken.yaml", "--target", "all"], ["playbooks", "import", "broken.yaml"]):
        ended = ask(*words)

        assert ended.exit_code == 2, ended.output
        assert ended.stderr.startswith("error: ")


def test_a_missing_placeholder_is_named(ask: Ask, look: str) -> None:
    ended = ask("run", look, "--target", "1")

    assert ended.exit_code == 2
    assert "name" in ended.stderr


def test_a_secret_comes_by_the_environment_and_is_shown_nowhere(ask: Ask, tmp_path: Path) -> None:
    """No terminal can be asked here, so without its variable nothing is sent."""
    path = tmp_path / "secret.yaml"
    path.write_text(LOOK.replace("params.name", "secrets.pin"), encoding="utf-8")
    words = ("run", str(path), "--target", "1", "--secret", "pin", "--json")
    refused = ask(*words)
    run = data(ask(*words, RACKHAND_SECRET_PIN="orange-47"))
    log = ask("runs", "log", run["id"], "1")

    assert (refused.exit_code, "RACKHAND_SECRET_PIN is not set" in refused.stderr) == (2, True)
    assert run["status"] == "succeeded"
    assert "1.1 ****" in log.stdout
    assert "orange-47" not in log.stdout + json.dumps(run)


@pytest.mark.parametrize(
    "words", [["runs", "list"], ["nodes", "list"], ["devices", "scan"], ["run", "x", "--target", "1"]]
)
def test_nobody_is_let_in_without_a_token(ask: Ask, words: list[str]) -> None:
    for token in ("", "wrong"):
        ended = ask(*words, RACKHAND_TOKEN=token)

        assert ended.exit_code == 3, ended.output
        assert "RACKHAND_TOKEN" in ended.stderr


def test_no_server_is_exit_code_3(command: Ask) -> None:
    ended = command("runs", "list", "--server", f"http://127.0.0.1:{free_port()}")

    assert ended.exit_code == 3
    assert "rackhand serve" in ended.stderr


def test_the_bootstrap_token_serves_as_well(ask: Ask, rig: Rig) -> None:
    token = rig.api._token
    assert ask("runs", "list", RACKHAND_TOKEN="", RACKHAND_BOOTSTRAP_TOKEN=token).exit_code == 0


def test_ctrl_c_leaves_the_run_running(ask: Ask, look: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rackhand.cli.run.follow", interrupt)
    ended = ask("run", look, "--target", "1", "--param", "name=x")

    assert ended.exit_code == 130
    run_id = data(ask("runs", "list", "--limit", "1", "--json"))[0]["id"]
    assert f"rackhand runs stop {run_id}" in ended.stderr
