"""Runs beside each other, stopped, and run again: what operators do with them."""

import signal

import pytest

from rackhand.cli.fake import Rig, Sim, gated

HERE, THERE = "PC-01", "PC-02"
needs_stop = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be paused on this system")


def test_two_runs_at_once_on_one_node_use_two_devices(rig: Rig, rack: Sim) -> None:
    serials = ["SIM00001", "SIM00002"]
    first = rig.begin(rig.shell(gated("run-a")), on=serials)
    rig.until_told(rack, "SIM00001", ": run-a;")
    second = rig.begin(rig.shell(gated("run-b")), on=serials)
    rig.until_told(rack, "SIM00002", ": run-b;")

    assert rig.statuses(first) == {"SIM00001": "running", "SIM00002": "queued"}
    assert rig.statuses(second) == {"SIM00001": "queued", "SIM00002": "running"}
    for serial in serials:
        rack.open(serial, "run-a")
        rack.open(serial, "run-b")
    assert [rig.finished(run)["status"] for run in (first, second)] == ["succeeded", "succeeded"]
    for serial in serials:
        assert [rack.count(serial, words) for words in (": run-a;", ": run-b;")] == [1, 1]


def test_stop_ends_the_step_in_flight_and_what_waits(rig: Rig, rack: Sim) -> None:
    run = rig.begin(rig.shell(gated("stop")), rig.shell("echo never"), on=["SIM00001", "SIM00002"])
    rig.until_told(rack, "SIM00001", ": stop;")
    killed = len(rack.journal("SIM00001", "killed"))

    rig.api.post(f"/api/runs/{run}/stop")

    assert rig.finished(run)["status"] == "stopped"
    assert rig.statuses(run) == {"SIM00001": "stopped", "SIM00002": "stopped"}
    assert rig.attempts(run, "SIM00001") == [(0, 1, "aborted")]
    assert len(rack.journal("SIM00001", "killed")) > killed
    assert rack.count("SIM00002", ": stop;") == 0


@needs_stop
def test_stop_is_final_even_if_the_agent_hangs(rig: Rig, rack: Sim) -> None:
    run = rig.begin(rig.shell(gated("hang")), rig.shell("echo never"), on=["SIM00001", "SIM00002"])
    rig.until_told(rack, "SIM00001", ": hang;")
    rig.agents[HERE].send(signal.SIGSTOP)
    try:
        rig.api.post(f"/api/runs/{run}/stop")
        ended = rig.finished(run)
    finally:
        rig.agents[HERE].send(signal.SIGCONT)

    assert ended["status"] == "stopped"
    assert rig.statuses(run) == {"SIM00001": "stopped", "SIM00002": "stopped"}
    assert "did not confirm" in rig.messages(run)["SIM00001"]
    rig.until_working(["SIM00001", "SIM00002", "SIM00003"])
    after = rig.begin(rig.shell("echo after"), on=["SIM00001", "SIM00002"])
    assert rig.finished(after)["status"] == "succeeded", rig.messages(after)
    assert rack.count("SIM00001", "echo never") == 0


@needs_stop
def test_a_rerun_from_the_failed_step_does_only_what_is_left(rig: Rig, rack: Sim) -> None:
    refused, lost, skipped, well = "SIM00001", "SIM00002", "SIM00003", "SIM00009"
    every = [refused, lost, skipped, well]
    words = ["echo begins", "test -f /sdcard/allowed", ": middle;", "echo ends"]
    for serial in (lost, skipped, well):
        rig.finished(rig.begin(rig.shell("touch /sdcard/allowed"), on=[serial]))
    rack.open(well, "middle")
    run = rig.begin(
        rig.shell(words[0]),
        rig.shell(words[1]),
        rig.shell(gated("middle"), effect="repeatable"),
        rig.shell(words[3]),
        on=every,
    )
    rig.until(lambda: rig.attempts(run, lost)[-1:] == [(2, 1, "running")], "the second device is in the middle")
    rig.agents[HERE].send(signal.SIGSTOP)
    ended = rig.finished(run)
    rig.agents[HERE].send(signal.SIGCONT)

    assert ended["status"] == "partial"
    assert rig.statuses(run) == {refused: "failed", lost: "lost", skipped: "skipped_offline", well: "succeeded"}
    rig.until_working(["SIM00001", "SIM00002", "SIM00003"])
    assert [[rack.count(serial, text) for text in words] for serial in every] == [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [0, 0, 0, 0],
        [1, 1, 1, 1],
    ]

    rig.finished(rig.begin(rig.shell("touch /sdcard/allowed"), on=[refused]))
    wanted = {"outcomes": ["failed", "lost", "skipped_offline"], "from": "failed_step"}
    again = rig.api.post(f"/api/runs/{run}/rerun", wanted)["id"]
    for serial in (refused, lost, skipped):
        rack.open(serial, "middle")

    assert rig.finished(again)["status"] == "succeeded", rig.messages(again)
    assert rig.run(again)["run"]["parent_run_id"] == run
    assert set(rig.statuses(again)) == {refused, lost, skipped}
    assert [[rack.count(serial, text) for text in words] for serial in every] == [
        [1, 2, 1, 1],
        [1, 1, 2, 1],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
    ]
