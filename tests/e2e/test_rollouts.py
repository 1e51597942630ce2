"""A rollout on real processes: the server is killed between waves, an operator resumes it at the command line."""

import signal

import pytest

from rackhand.cli.fake import Rig, gated

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not of this system")


def test_a_rollout_goes_on_where_a_killed_server_left_it(own_rig: Rig) -> None:
    rig = own_rig
    rig.start_server()
    sim = rig.start_sim(3)
    rig.start_agent("PC-01", sim.ports[0])
    rig.until_online(sim.serials)
    rollout = {"waves": [1, 2], "auto": False}
    run = rig.begin(rig.shell(gated("wave")), policy={"concurrency": 3, "grace_wait_ms": 30_000}, rollout=rollout)
    by_wave = {cell["wave"]: serial for serial, cell in rig.cells(run).items()}
    rig.until_told(sim, by_wave[1], ": wave;")
    assert rig.server is not None
    rig.server.kill()
    sim.open(by_wave[1], "wave")
    rig.start_server()

    for wave in (1, 2):
        rig.until(lambda: rig.run(run)["run"]["rollout_state"] == "halted", f"wave {wave} is done")
        assert rig.run(run)["run"]["rollout"]["open_wave"] == wave
        assert sim.count(by_wave[wave + 1], ": wave;") == 0
        assert rig.api.post(f"/api/runs/{run}/rollout/resume")["open_wave"] == wave + 1
        rig.until_told(sim, by_wave[wave + 1], ": wave;")
        sim.open(by_wave[wave + 1], "wave")
    ended = rig.finished(run)
    assert (ended["status"], ended["rollout_state"]) == ("succeeded", "done")
    assert [sim.count(serial, ": wave;") for serial in sim.serials] == [1, 1, 1]
