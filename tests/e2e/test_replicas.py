"""Two servers and two workers on one PostgreSQL: who answers makes no difference, and any of them may be killed."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from tests.e2e.balancer import Balancer

from rackhand.cli.fake import BOOTSTRAP, Rig, gated
from rackhand.cli.fake_process import Process
from rackhand.store.fake import DatabasePlace

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not of this system"),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
SERIALS = ["SIM00001", "SIM00002"]
LONG = {"RACKHAND_PULL_WAIT_MS": "30000", "RACKHAND_AGENT_PULL_WAIT_MS": "30000", "RACKHAND_AGENT_REQUEST_MS": "20000"}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what it is given, last come first."""
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, rig: Rig, name: str, *words: str) -> Process:
    """A further process of the deployment, and the first line it says."""
    settings = {"RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP, **rig.environment}
    process = Process(name, [*words, "--data", str(rig.folder / "server")], settings, rig.folder)
    stack.callback(process.close)
    return process


def gauge(url: str, name: str) -> float:
    """A value of /metrics."""
    with build_opener(ProxyHandler({})).open(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def test_a_replica_is_killed_in_mid_run(database: DatabasePlace, own_rig: Rig, stack: ExitStack) -> None:
    rig, environment = own_rig, {"RACKHAND_DATABASE_URL": database.url, "RACKHAND_EMBEDDED_JOBS": "off", **LONG}
    rig.environment |= environment
    first = rig.start_server()
    second = start(stack, rig, "second", "serve", "--port", "0")
    second_url = second.first_line().removeprefix("Ready ")
    balancer = Balancer([int(second_url.rpartition(":")[2])])
    stack.callback(balancer.close)
    sim = rig.start_sim(2)
    rig.start_agent("PC-01", sim.ports[0], server=balancer.url)
    rig.until_online(SERIALS)
    rig.until(lambda: gauge(second_url, "rackhand_long_polls") == 1, "the agent's poll waits on the second server")
    heard = gauge(second_url, "rackhand_hints_heard")

    run = rig.begin(rig.shell("echo woken"), on=SERIALS)

    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    assert gauge(first, "rackhand_long_polls") == 0
    assert gauge(second_url, "rackhand_hints_heard") > heard, "the first server woke the poll on the second"

    run = rig.begin(rig.shell(gated("kill")), rig.step("screenshot"), on=SERIALS, policy={"concurrency": 2})
    for serial in SERIALS:
        rig.until_told(sim, serial, ": kill;")
    balancer.ports.append(rig.port)
    second.kill()
    for serial in SERIALS:
        sim.open(serial, "kill")
    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    for serial in SERIALS:
        assert rig.attempts(run, serial) == [(0, 1, "succeeded"), (1, 1, "succeeded")]
        assert sim.count(serial, ": kill;") == 1


def test_a_worker_is_killed_and_the_other_goes_on(tmp_path: Path, database: DatabasePlace, stack: ExitStack) -> None:
    rig = Rig(tmp_path, {"RACKHAND_DATABASE_URL": database.url, "RACKHAND_RETENTION_MS": "1000"})
    workers = [start(stack, rig, name, "worker") for name in ("one", "two")]
    for worker in workers:
        assert worker.first_line() == "Ready worker"

    def has_done(worker: Process) -> bool:
        return "did a job" in worker.log.read_text("utf-8", "replace")

    rig.until(lambda: any(map(has_done, workers)), "one of them did the job")
    killed, other = workers if has_done(workers[0]) else reversed(workers)
    killed.kill()
    other.log.write_bytes(b"")
    rig.until(lambda: has_done(other), "the other one does it now")
    assert other.end() == 0
