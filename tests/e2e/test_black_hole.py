"""No way between agent and server, while both are well: the run ends, and what was done is kept as late."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from rackhand.cli.fake import Rig, Sim, gated

NODE = "PC-40"
ONE, TWO = SERIALS = ["SIM00301", "SIM00302"]


class Proxy:
    """Forwards TCP on loopback to a port. While `hole` is on, connections are taken and nothing passes."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._passes = threading.Event()
        self._passes.set()
        self._is_over = False
        self._conns: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._is_over:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                continue
            self._conns += [near, far]
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=self._copy, args=(source, sink), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._passes.wait()
                sink.sendall(data)
        for conn in (source, sink):
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)

    def hole(self, *, is_on: bool) -> None:
        (self._passes.clear if is_on else self._passes.set)()

    def close(self) -> None:
        self._is_over = True
        self._passes.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for conn in self._conns:
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for conn in self._conns:
            conn.close()


@pytest.fixture(scope="module")
def proxy(rig: Rig) -> Iterator[Proxy]:
    proxy = Proxy(rig.port)
    yield proxy
    rig.agents[NODE].close()
    proxy.close()


@pytest.fixture(scope="module")
def sim(rig: Rig, proxy: Proxy) -> Sim:
    """One node whose agent talks through the proxy."""
    sim = rig.start_sim(2, first=301)
    rig.start_agent(NODE, sim.ports[0], server=f"http://127.0.0.1:{proxy.port}")
    rig.until_online(SERIALS)
    return sim


def test_a_step_that_ended_meanwhile_is_kept_as_late(rig: Rig, sim: Sim, proxy: Proxy) -> None:
    run = rig.begin(rig.shell(gated("late")), rig.shell("echo next"), on=[ONE])
    rig.until_told(sim, ONE, ": late;")
    rig.until(lambda: rig.attempts(run, ONE) == [(0, 1, "running")], "the step is in flight")
    proxy.hole(is_on=True)
    sim.open(ONE, "late")
    rig.until_told(sim, ONE, "echo next")
    ended = rig.finished(run)
    assert rig.statuses(run) == {ONE: "lost"}

    proxy.hole(is_on=False)
    rig.until(lambda: rig.cells(run)[ONE]["late_status"], "the late result is shown")
    cell = rig.cells(run)[ONE]
    assert (cell["status"], cell["late_status"]) == ("lost", "succeeded")
    steps = rig.detail(run, ONE)["steps"]
    assert [step["attempts"][-1]["late_status"] or step["status"] for step in steps] == ["succeeded", "succeeded"]
    assert all(step["attempts"][-1]["late"] for step in steps)
    again = rig.run(run)["run"]
    assert (again["status"], again["counts"], again["finished_at"]) == (
        ended["status"],
        ended["counts"],
        ended["finished_at"],
    )


def test_a_step_still_in_flight_is_ended_and_no_other_starts(rig: Rig, sim: Sim, proxy: Proxy) -> None:
    run = rig.begin(rig.shell(gated("cut")), rig.shell("echo never"), on=SERIALS)
    rig.until_told(sim, ONE, ": cut;")
    proxy.hole(is_on=True)
    rig.finished(run)
    assert rig.statuses(run) == {ONE: "lost", TWO: "skipped_offline"}
    rig.until(lambda: sim.journal(ONE, "killed"), "the agent ended the step on the device")

    proxy.hole(is_on=False)
    rig.until_working(SERIALS)
    other = rig.begin(rig.shell("echo other"), on=SERIALS)
    assert rig.finished(other)["status"] == "succeeded", rig.messages(other)
    assert sim.count(ONE, "echo never") + sim.count(TWO, ": cut;") == 0
    assert rig.statuses(run) == {ONE: "lost", TWO: "skipped_offline"}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not of this system")
def test_late_results_outlive_a_kill_of_the_agent(rig: Rig, sim: Sim, proxy: Proxy) -> None:
    run = rig.begin(rig.shell(gated("disk")), rig.step("screenshot"), on=[ONE])
    rig.until_told(sim, ONE, ": disk;")
    rig.until(lambda: rig.attempts(run, ONE) == [(0, 1, "running")], "the step is in flight")
    proxy.hole(is_on=True)
    sim.open(ONE, "disk")
    journal = rig.folder / NODE / "journal"
    rig.until(lambda: b'"task_finished"' in journal.read_bytes().rpartition(b": disk;")[2], "the end is on disk")
    rig.agents[NODE].kill()
    rig.finished(run)
    assert rig.statuses(run) == {ONE: "lost"}

    proxy.hole(is_on=False)
    rig.restart_agent(NODE)
    rig.until(lambda: rig.cells(run)[ONE]["late_status"] == "succeeded", "the late result is shown")
    rig.until(lambda: {a["status"] for a in rig.detail(run, ONE)["artifacts"]} == {"stored"}, "the picture too")
    assert all(a["late"] for a in rig.detail(run, ONE)["artifacts"] if a["kind"] == "screenshot")
    assert rig.statuses(run) == {ONE: "lost"}
