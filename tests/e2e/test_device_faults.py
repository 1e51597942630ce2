"""Devices that fail in mid-step: each ends with words of its own, and nobody else notices."""

from typing import Any

from rackhand.cli.fake import Rig, Sim, gated

HERE, THERE = "PC-01", "PC-02"


def mend(rig: Rig, rack: Sim, *serials: str) -> None:
    """As it was before: no faults, everything online."""
    for serial in serials:
        rack.clear(serial)
    rig.until_online(list(serials))


def step_of(rig: Rig, run: str, serial: str, index: int = 0) -> dict[str, Any]:
    attempts = rig.detail(run, serial)["steps"][index]["attempts"]
    return dict(attempts[-1])


def test_each_fault_in_mid_step_has_its_own_message(rig: Rig, rack: Sim) -> None:
    serials = [f"SIM0000{number}" for number in range(1, 8)]
    unplugged, gone, frozen, hole, stranger, rebooted, well = serials
    run = rig.begin(rig.shell(gated("faults")), on=serials, policy={"concurrency": 8})
    for serial in serials:
        rig.until_told(rack, serial, ": faults;")

    rack.fault(unplugged, "refuse")
    rack.fault(gone, "vanish")
    rack.fault(frozen, "freeze")
    rack.fault(hole, "black_hole")
    rack.fault(stranger, "unauthorized")
    rack.fault(rebooted, "reboot", down_ms=300, boot_ms=300)
    rig.until_status(run, well, "running")
    rack.open(well, "faults")
    ended = rig.finished(run)

    messages = rig.messages(run)
    assert ended["status"] == "partial", messages
    assert rig.statuses(run) == {serial: "succeeded" if serial == well else "failed" for serial in serials}, messages
    assert "disconnected" in messages[unplugged]
    assert "disconnected" in messages[gone]
    assert "stopped answering" in messages[frozen]
    assert "stopped answering" in messages[hole]
    assert "allow USB debugging" in messages[stranger]
    assert "restarted" in messages[rebooted]
    for serial in (unplugged, gone, frozen, hole, stranger):
        assert messages[serial].endswith("waited 1.5 s")
        assert "step 1" in messages[serial]
        assert step_of(rig, run, serial)["status"] in ("aborted", "timed_out")
    mend(rig, rack, *serials)


def test_a_step_past_its_time_ends_on_a_device_that_answers(rig: Rig, rack: Sim) -> None:
    run = rig.begin(rig.shell("sleep 600", timeout_ms=300), on=["SIM00001"])

    assert rig.finished(run)["status"] == "failed"
    assert step_of(rig, run, "SIM00001")["status"] == "timed_out"
    assert rig.messages(run)["SIM00001"].endswith("timed out: did not end within 300 ms")


def test_a_device_that_freezes_and_recovers_goes_on(rig: Rig, rack: Sim) -> None:
    run = rig.begin(rig.shell(gated("thaw")), on=["SIM00001"], policy={"grace_wait_ms": 30_000})
    rig.until_told(rack, "SIM00001", ": thaw;")

    rack.fault("SIM00001", "freeze")
    rig.until_status(run, "SIM00001", "waiting")
    assert "stopped answering" in rig.messages(run)["SIM00001"]
    rack.clear("SIM00001")
    rig.until_status(run, "SIM00001", "running")
    rack.open("SIM00001", "thaw")

    assert rig.finished(run)["status"] == "succeeded"
    assert rig.attempts(run, "SIM00001") == [(0, 1, "succeeded")]
    assert rack.count("SIM00001", ": thaw;") == 1


def test_a_dead_device_holds_up_only_those_behind_it_and_only_for_the_grace(rig: Rig, rack: Sim) -> None:
    dead, *well = ["SIM00001", "SIM00002", "SIM00003", "SIM00009", "SIM00010"]
    run = rig.begin(rig.shell(gated("dead")), on=[dead, *well])
    rig.until_told(rack, dead, ": dead;")
    rack.fault(dead, "mute")
    for serial in well:
        rack.open(serial, "dead")
    rig.finished(run)

    assert rig.statuses(run) == {dead: "failed"} | dict.fromkeys(well, "succeeded")
    cells = rig.cells(run)
    first, behind, last = (cells[serial] for serial in ("SIM00001", "SIM00002", "SIM00003"))
    assert first["finished_at"] <= behind["started_at"] <= behind["finished_at"] <= last["started_at"]
    for serial in ("SIM00009", "SIM00010"):
        assert cells[serial]["finished_at"] <= first["finished_at"]
    mend(rig, rack, dead)


def test_a_device_that_is_offline_at_the_start_is_skipped(rig: Rig, rack: Sim) -> None:
    rack.fault("SIM00002", "refuse")
    rig.until(lambda: "SIM00002" not in rig.online(), "the server knows")

    run = rig.begin(rig.shell("echo hello"), on=["SIM00001", "SIM00002"])

    assert rig.finished(run)["status"] == "partial"
    assert rig.statuses(run) == {"SIM00001": "succeeded", "SIM00002": "skipped_offline"}
    assert rack.count("SIM00002", "echo hello") == 0
    mend(rig, rack, "SIM00002")
