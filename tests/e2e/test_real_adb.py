"""Simulated devices behind a real adb server that the agent starts and mends."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from rackhand.cli.fake import Rig, Sim, adb_shell, gated
from rackhand.cli.fake_process import children_of
from rackhand.sim.ports import free_port

NODE = "PC-30"
ONE, TWO = SERIALS = ["SIM00201", "SIM00202"]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(scope="module")
def adb_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def sim(rig: Rig, adb_port: int) -> Sim:
    """Two devices on TCP, attached by the agent."""
    sim = rig.start_sim(2, front="transport", first=201)
    endpoints = [word for handle in sim.groups[0] for word in ("--endpoint", handle)]
    rig.start_agent(NODE, adb_port, *endpoints)
    rig.until_online(SERIALS)
    return sim


def test_a_run_through_a_real_adb_server(rig: Rig, sim: Sim) -> None:
    run = rig.begin(rig.shell("echo real"), rig.step("screenshot"), on=SERIALS)

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    assert next(each["adb_version"] for each in rig.api.items("/api/nodes") if each["id"] == NODE)


def test_a_pulled_cable_fails_the_device_alone(rig: Rig, sim: Sim, adb_port: int) -> None:
    run = rig.begin(rig.shell(gated("cable")), on=SERIALS, policy={"concurrency": 2})
    for serial in SERIALS:
        rig.until_told(sim, serial, ": cable;")

    sim.fault(ONE, "refuse")
    adb_shell(adb_port, sim.groups[0][1], "touch /sdcard/cable")
    rig.finished(run)

    assert rig.statuses(run) == {ONE: "failed", TWO: "succeeded"}, rig.messages(run)
    assert "disconnected" in rig.messages(run)[ONE]
    sim.clear(ONE)
    rig.until_online(SERIALS)


@linux
def test_everything_listens_on_loopback_only(rig: Rig, sim: Sim, adb_port: int) -> None:
    assert rig.server is not None
    started = [rig.server.pid, rig.agents[NODE].pid, sim.process.pid]
    pids = started + [child for pid in started for child in children_of(pid)]

    addresses = [address for pid in pids for address in listening(pid)]

    assert {port for _, port in addresses} >= {rig.port, adb_port}
    assert {host for host, _ in addresses} <= {"127.0.0.1", "::1"}


def listening(pid: int) -> list[tuple[str, int]]:
    """Where a process listens, by /proc."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = str(link.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                host, _, port = words[1].partition(":")
                found.append((address_of(host, family), int(port, 16)))
    return found


def address_of(text: str, family: socket.AddressFamily) -> str:
    """The kernel prints words of four bytes in the byte order of the machine."""
    raw = bytes.fromhex(text)
    words = [raw[i : i + 4][:: -1 if sys.byteorder == "little" else 1] for i in range(0, len(raw), 4)]
    return socket.inet_ntop(family, b"".join(words))


@linux
def test_a_killed_adb_server_is_started_again_and_the_step_says_so(rig: Rig, sim: Sim) -> None:
    run = rig.begin(
        rig.shell(gated("adb"), on_failure="continue"),
        rig.shell("echo goes on"),
        on=[TWO],
        policy={"grace_wait_ms": 30_000},
    )
    rig.until_told(sim, TWO, ": adb;")
    (adb,) = children_of(rig.agents[NODE].pid)

    os.kill(adb, signal.SIGKILL)
    ended = rig.finished(run)

    assert ended["status"] == "succeeded", rig.messages(run)
    assert rig.attempts(run, TWO) == [(0, 1, "aborted"), (1, 1, "succeeded")]
    assert "adb server" in rig.detail(run, TWO)["steps"][0]["attempts"][0]["error_message"]
    assert children_of(rig.agents[NODE].pid) not in ([], [adb])
    assert sim.count(TWO, ": adb;") == 1
