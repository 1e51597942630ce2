"""Stories of `rackhand demo` as an operator starts it: whole, in processes of its own, on both fronts."""

import ipaddress
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from rackhand.cli.client import Client
from rackhand.cli.fake_process import until

LIMIT_S = 150


@dataclass
class Demo:
    """A demo under way; everything that it starts carries `mark` in its environment."""

    process: subprocess.Popen[str]
    mark: str
    folder: Path

    @property
    def said(self) -> str:
        """Its stderr so far."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def finish(self) -> tuple[int, list[str]]:
        """Exit code and lines of stdout, at its end."""
        stdout, _ = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, stdout.splitlines()

    def processes(self) -> list[str]:
        """The commands of all processes that belong to it and still run (Linux)."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (place / "environ").read_bytes():
                    found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def listening(self) -> set[str]:
        """The addresses that its processes listen on, TCP and UDP, as `ss -ltnup` shows them (Linux)."""
        inodes = {inode for place in self._places() for inode in _sockets(place)}
        found = set()
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                is_open = words[3] == "0A" or table.startswith("udp")
                if is_open and words[9] in inodes:
                    found.add(_address_of(words[1].partition(":")[0]))
        return found

    def _places(self) -> list[Path]:
        return [place for place in Path("/proc").glob("[0-9]*") if self.mark.encode() in _environment(place)]


def _environment(place: Path) -> bytes:
    try:
        return (place / "environ").read_bytes()
    except OSError:
        return b""


def _sockets(place: Path) -> list[str]:
    """The inodes of the sockets that a process has open."""
    try:
        names = [str(handle.readlink()) for handle in (place / "fd").iterdir()]
    except OSError:
        return []
    return [name.removeprefix("socket:[").rstrip("]") for name in names if name.startswith("socket:[")]


def _address_of(text: str) -> str:
    """`0100007F` as the kernel writes it: words in the machine's own order."""
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


@contextmanager
def demo(folder: Path, *words: str, **settings: str) -> Iterator[Demo]:
    """`rackhand demo` on a free port; ended by its pid if the story does not see to that."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = f"RACKHAND_TEST_MARK={folder.name}-{os.getpid()}"
    name, _, value = mark.partition("=")
    command = [sys.executable, "-m", "rackhand", "demo", "--port", "0", *words]
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **settings, name: value},
            text=True,
            encoding="utf-8",
            start_new_session=os.name != "nt",
        )
    try:
        yield Demo(process, mark, folder)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=15)


def counts_of(ended: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in ended["counts"].items() if number}


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """What a demo with `--data` left in its database."""
    with closing(connect(folder / "server" / "rackhand.sqlite3")) as database:
        return database.execute(sql).fetchall()


DEVICES = "SELECT node_id, device_index, status, started_at, finished_at, last_error_message FROM run_device_states"
WAITING = "SELECT min(received_at) FROM events WHERE type = 'task_progress' AND verdict = 'accepted'"
SLACK_MS = 2_000
QUICK = {"RACKHAND_AGENT_PROBE_MS": "1000", "RACKHAND_AGENT_PROBE_DEADLINE_MS": "1000"}


def assert_default_story(folder: Path, ended: dict[str, Any], grace_ms: int) -> None:
    """One offline, one silent after its grace; its node goes on at once, the other one was never delayed."""
    assert ended["status"] == "partial"
    assert counts_of(ended) == {"succeeded": 18, "skipped_offline": 1, "failed": 1, "total": 20}
    devices = rows(folder, DEVICES)
    silent = next(row for row in devices if row[2] == "failed")
    node_id, index, _, _, finished_at, message = silent
    assert "waited" in message
    waited_ms = finished_at - rows(folder, WAITING)[0][0]
    assert grace_ms - SLACK_MS <= waited_ms <= grace_ms + SLACK_MS
    behind = [row for row in devices if row[0] == node_id and row[1] > index and row[3]]
    assert all(row[3] >= finished_at for row in behind), "one at a time on a node"
    assert not behind or min(row[3] for row in behind) - finished_at <= SLACK_MS
    others = [row[4] for row in devices if row[0] != node_id and row[4] and row[3]]
    assert others
    assert max(others) < finished_at, "the other node waited for nobody"


def test_a_demo_in_front_of_simulated_adb_servers_ends_partial(tmp_path: Path) -> None:
    words = ("--once", "--json", "--front", "server", "--policy", "grace_wait_ms=1500", "--data", str(tmp_path / "d"))
    with demo(tmp_path / "server", *words, **QUICK) as shown:
        code, lines = shown.finish()

        assert code == 0, shown.said
        ended = json.loads(lines[-1])
        assert set(ended) == {"url", "run_id", "status", "counts", "duration_s"}
        assert_default_story(tmp_path / "d", ended, 1_500)
        assert shown.processes() == []


@pytest.mark.timeout(240)
def test_a_demo_through_real_adb_servers_waits_the_real_grace(tmp_path: Path) -> None:
    """The one test that waits the real 15 s."""
    words = ("--once", "--json", "--front", "transport", "--data", str(tmp_path / "d"))
    with demo(tmp_path / "transport", *words, "--devices", "20", "--nodes", "2") as shown:
        code, lines = shown.finish()

        assert code == 0, shown.said
        ended = json.loads(lines[-1])
        assert_default_story(tmp_path / "d", ended, 15_000)
        assert shown.processes() == []


def until_serving(shown: Demo) -> Client:
    """Wait until its run has ended and it serves; a client with the token that it printed."""
    until(lambda: "Serving until Ctrl-C" in shown.said, lambda: shown.said, LIMIT_S)
    export = next(line for line in shown.said.splitlines() if "RACKHAND_TOKEN=" in line)
    server, token = (word.partition("=")[2] for word in export.split()[1:])
    return Client(server, token)


def test_ctrl_c_ends_a_serving_demo_and_what_it_kept_can_be_opened_again(tmp_path: Path) -> None:
    words = ("--front", "server", "--scenario", "none", "--devices", "4", "--concurrency", "4")
    for number, runs in ((signal.SIGINT, 1), (signal.SIGTERM, 2)):
        with demo(tmp_path / number.name, *words, "--data", str(tmp_path / "d")) as shown:
            found = until_serving(shown).get("/api/runs")["items"]
            assert [counts_of(run) for run in found] == [{"succeeded": 4, "total": 4}] * runs
            assert len(shown.processes()) >= 5
            if sys.platform == "linux":
                addresses = shown.listening()
                assert addresses, "the server at least"
                assert {each for each in addresses if not ipaddress.ip_address(each).is_loopback} == set()

            shown.process.send_signal(number)
            code, _ = shown.finish()

            assert code == 0, shown.said
            assert shown.processes() == []
    assert rows(tmp_path / "d", "SELECT count(*) FROM devices")[0][0] == 4


def test_a_demo_of_an_own_scenario_that_is_killed_takes_its_processes_with_it(tmp_path: Path) -> None:
    """An own scenario announces nothing: only what happened is told."""
    scenario = tmp_path / "tired.toml"
    scenario.write_text('[[rule]]\ndevices = "2"\nfault = "storage_full"\nwhen = "start"\n', encoding="utf-8")
    words = ("--front", "server", "--scenario", str(scenario), "--devices", "3", "--nodes", "1")
    with demo(tmp_path / "killed", *words, "--data", str(tmp_path / "d")) as shown:
        assert until_serving(shown).get("/api/runs")["items"][0]["counts"]["total"] == 3

        shown.process.kill()
        shown.process.wait()

        until(lambda: shown.processes() == [], lambda: str(shown.processes()))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--nodes", "3", "--devices", "2"], "--nodes 3 is more than --devices 2"),
        (["--front", "sideways"], "--front must be transport or server"),
        (["--scenario", "missing.toml"], "missing.toml"),
        (["--policy", "grace_wait_ms=soon"], "/policy/grace_wait_ms"),
        (["--devices", "none"], "--devices"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_starts(tmp_path: Path, words: list[str], reason: str) -> None:
    before = set(Path(tempfile.gettempdir()).glob("rackhand-demo-*"))
    with demo(tmp_path / "wrong", "--once", *words) as shown:
        code, lines = shown.finish()

        assert code == 2
        assert lines == []
        assert reason in shown.said
        assert shown.processes() == []
    assert set(Path(tempfile.gettempdir()).glob("rackhand-demo-*")) - before == set()
