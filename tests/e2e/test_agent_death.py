"""An agent that dies in mid-run: with a restart nothing is lost or done twice; without one the run ends anyway."""

import signal
from functools import partial

import pytest

from rackhand.cli.fake import Rig, Sim, gated

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not of this system")
HERE, THERE = "PC-01", "PC-02"


def is_stored(rig: Rig, run: str, serial: str) -> bool:
    """Are the picture and the last step's output on the server, and all else that was announced?"""
    files = rig.detail(run, serial)["artifacts"]
    found = {(each["step_index"], each["kind"]) for each in files}
    return found >= {(1, "screenshot"), (3, "log")} and {each["status"] for each in files} == {"stored"}


def test_after_a_restart_the_run_goes_on_and_repeats_no_once_step(rig: Rig, rack: Sim) -> None:
    first, once, last = "echo first > /sdcard/written", gated("once"), "echo last"
    run = rig.begin(
        rig.shell(first),
        rig.step("screenshot"),
        rig.shell(once, on_failure="continue"),
        rig.shell(last),
        on=["SIM00001", "SIM00002", "SIM00009"],
    )
    rig.until_told(rack, "SIM00001", ": once;")
    rig.until(lambda: (2, 1, "running") in rig.attempts(run, "SIM00001"), "the step is in flight")

    rig.agents[HERE].kill()
    for serial in ("SIM00001", "SIM00002", "SIM00009"):
        rack.open(serial, "once")
    rig.restart_agent(HERE)
    ended = rig.finished(run)

    assert ended["status"] == "succeeded", rig.messages(run)
    assert rig.attempts(run, "SIM00001") == [
        (0, 1, "succeeded"),
        (1, 1, "succeeded"),
        (2, 1, "aborted"),
        (3, 1, "succeeded"),
    ]
    assert rig.attempts(run, "SIM00002") == [(index, 1, "succeeded") for index in range(4)]
    for serial in ("SIM00001", "SIM00002", "SIM00009"):
        assert [rack.count(serial, words) for words in (first, ": once;", last)] == [1, 1, 1]
        rig.until(partial(is_stored, rig, run, serial), "the files are on the server")
    assert "interrupted" in rig.detail(run, "SIM00001")["steps"][2]["attempts"][0]["error_message"]


def test_a_repeatable_step_is_tried_once_more_after_a_restart(rig: Rig, rack: Sim) -> None:
    run = rig.begin(rig.shell(gated("again"), effect="repeatable"), on=["SIM00002"])
    rig.until_told(rack, "SIM00002", ": again;")

    rig.agents[HERE].kill()
    rig.restart_agent(HERE)
    rig.until_told(rack, "SIM00002", ": again;", 2)
    rack.open("SIM00002", "again")

    assert rig.finished(run)["status"] == "succeeded"
    assert rig.attempts(run, "SIM00002") == [(0, 1, "aborted"), (0, 2, "succeeded")]


def test_without_a_restart_the_run_ends_and_late_results_are_kept(rig: Rig, rack: Sim) -> None:
    serials = ["SIM00001", "SIM00002", "SIM00009", "SIM00010"]
    run = rig.begin(rig.shell("echo before"), rig.shell(gated("late")), rig.shell("echo afterwards"), on=serials)
    rig.until_told(rack, "SIM00001", ": late;")
    rig.until_told(rack, "SIM00009", ": late;")
    rig.until(lambda: (1, 1, "running") in rig.attempts(run, "SIM00001"), "the step is in flight")
    rig.agents[HERE].kill()
    for serial in ("SIM00009", "SIM00010"):
        rack.open(serial, "late")
    ended = rig.finished(run)
    before = rig.statuses(run)

    assert ended["status"] == "partial"
    assert before == {
        "SIM00001": "lost",
        "SIM00002": "skipped_offline",
        "SIM00009": "succeeded",
        "SIM00010": "succeeded",
    }
    assert f"node {HERE} went silent" in rig.cells(run)["SIM00001"]["last_error_message"]

    rig.restart_agent(HERE)
    rig.until_working(["SIM00001", "SIM00002"])
    rack.open("SIM00001", "late")
    other = rig.begin(rig.shell("echo other"), on=["SIM00001"])
    rig.finished(other)
    assert rig.statuses(run) == before
    assert rig.run(run)["run"] | {"rev": 0} == ended | {"rev": 0}
    assert rack.count("SIM00001", "echo afterwards") == 0
