"""Device health with real processes: what ails a device keeps it out of runs, is told, is mended, and ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from rackhand.cli.fake import Rig, Sim

QUICK = {
    "RACKHAND_AGENT_LOOK_MS": "50",
    "RACKHAND_AGENT_FACTS_MS": "200",
    "RACKHAND_AGENT_PROBE_MS": "300",
    "RACKHAND_AGENT_PROBE_DEADLINE_MS": "1000",
    "RACKHAND_AGENT_FLAP_WINDOW_MS": "20000",
    "RACKHAND_AGENT_STEADY_MS": "1500",
    "RACKHAND_AGENT_PROBATION_PROBES": "2",
    "RACKHAND_AGENT_BEFORE_PROBE_MS": "1500",
    "RACKHAND_AGENT_BEFORE_RECONNECT_MS": "1000",
    "RACKHAND_AGENT_BEFORE_REBOOT_MS": "1000",
    "RACKHAND_AGENT_BEFORE_QUARANTINE_MS": "1000",
    "RACKHAND_AGENT_BOOT_MS": "1000",
    "RACKHAND_AGENT_HUB_WINDOW_MS": "5000",
}
HUB = [f"SIM0000{number}" for number in range(1, 8)]
"""The seven devices of the first hub; the others are on the second."""
LOOSE, WARM, FROZEN, WELL = "SIM00008", "SIM00009", "SIM00010", "SIM00011"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Sim]]:
    """One node with eleven devices, whose agent loses no time."""
    rig = Rig(tmp_path_factory.mktemp("ward"), agent_environment=QUICK)
    try:
        rig.start_server()
        sim = rig.start_sim(11)
        rig.start_agent("PC-01", sim.ports[0])
        rig.until_online(sim.serials)
        yield rig, sim
    finally:
        rig.close()


def device(rig: Rig, serial: str) -> dict[str, Any]:
    return next(each for each in rig.devices() if each["serial"] == serial)


def history(rig: Rig, serial: str) -> list[str]:
    """What its health went through, oldest first."""
    detail = rig.api.get(f"/api/devices/{device(rig, serial)['index']}")
    return [event["kind"] for event in reversed(detail["history"])]


def todo(rig: Rig) -> list[dict[str, Any]]:
    return list(rig.api.get("/api/dashboard")["todo"])


def of_kind(rig: Rig, kind: str) -> list[dict[str, Any]]:
    return [item for item in todo(rig) if item["kind"] == kind]


def excluded(rig: Rig, serial: str) -> str:
    """Why a plan leaves the device out, "" if it does not."""
    index = device(rig, serial)["index"]
    body = {"steps": [rig.shell("true")], "target": {"scope": "indexes", "indexes": str(index)}}
    plan = rig.api.post("/api/runs/plan", body)
    return next((str(left["reason"]) for left in plan["exclusions"] if left["device_index"] == index), "")


def test_a_flapping_device_leaves_the_targets_and_comes_back_when_it_is_steady(ward: tuple[Rig, Sim]) -> None:
    rig, sim = ward
    sim.fault(LOOSE, "flap", period_ms=250)
    rig.until(lambda: device(rig, LOOSE)["health"] == "flapping", "it flaps")

    assert excluded(rig, LOOSE).startswith("flapping: it came or went more than 3 times")
    (entry,) = of_kind(rig, "device_flapping")
    assert "look at its cable" in entry["message"]

    sim.clear(LOOSE)
    rig.until(lambda: device(rig, LOOSE)["health"] == "ok", "it is steady")
    assert (device(rig, LOOSE)["blocked_by"], excluded(rig, LOOSE)) == (None, "")
    assert rig.finished(rig.begin(rig.shell("true"), on=[LOOSE]))["status"] == "succeeded"
    assert [kind for kind in history(rig, LOOSE) if kind in ("flapping", "steady")][:2] == ["flapping", "steady"]


def test_a_hub_that_drops_is_one_incident_and_nothing_is_repaired(ward: tuple[Rig, Sim]) -> None:
    rig, sim = ward
    for serial in HUB:
        sim.fault(serial, "vanish", ms=120_000)
    rig.until(lambda: of_kind(rig, "hub_incident") and not rig.online() & set(HUB), "the hub is gone")

    rig.until(lambda: "7 of 7" in of_kind(rig, "hub_incident")[0]["message"], "all seven belong to it")
    (entry,) = of_kind(rig, "hub_incident")
    assert entry["subject"] == "hub:PC-01/1-1"
    assert entry["action"]["path"] == "/api/nodes/scan"
    assert of_kind(rig, "devices_offline") == []

    for serial in HUB:
        sim.clear(serial)
    rig.until_online(HUB)
    rig.until(lambda: not of_kind(rig, "hub_incident"), "the incident is over")
    assert {serial: history(rig, serial) for serial in HUB} == {serial: [] for serial in HUB}


def test_an_overheated_device_is_out_of_runs_until_it_is_clearly_cooler(ward: tuple[Rig, Sim]) -> None:
    rig, sim = ward
    sim.fault(WARM, "overheat", temperature=480)
    reason = "its battery is too hot: runs stop at 45 °C"
    rig.until(lambda: device(rig, WARM)["blocked_by"] == reason, "it is too hot")

    assert excluded(rig, WARM) == reason
    assert device(rig, WARM)["care"]["limited_by"] == "heat"
    run = rig.begin(rig.shell("true"), on=[WARM, WELL])
    assert rig.finished(run)["status"] == "partial"
    assert rig.messages(run)[WARM] == f"the device was left out: {reason}"
    assert [item["severity"] for item in of_kind(rig, "device_hot")] == ["critical"]

    sim.fault(WARM, "overheat", temperature=435)
    rig.until(lambda: device(rig, WARM)["temperature_c"] == 43.5, "it cools")
    assert device(rig, WARM)["blocked_by"] == reason
    sim.clear(WARM)
    rig.until(lambda: device(rig, WARM)["blocked_by"] is None, "it is cool")
    assert of_kind(rig, "device_hot") == []


def test_a_frozen_idle_device_climbs_the_ladder_and_comes_back_after_probation(ward: tuple[Rig, Sim]) -> None:
    rig, sim = ward
    sim.fault(FROZEN, "freeze")
    rig.until(lambda: device(rig, FROZEN)["care"]["next_rung"], "the ladder says what comes next")
    rig.until(lambda: device(rig, FROZEN)["health"] == "quarantined", "the ladder is at its end")

    shown = device(rig, FROZEN)
    assert (shown["care"]["rung"], shown["online"]) == ("reboot", False)
    assert shown["blocked_by"] == "quarantined: it did not come back, even after a reboot"
    assert excluded(rig, FROZEN) == shown["blocked_by"]
    (entry,) = of_kind(rig, "quarantined")
    assert entry["action"]["path"] == f"/api/devices/{shown['index']}/quarantine"
    rig.until(lambda: len(history(rig, FROZEN)) == 4, "every rung is in its history")
    assert history(rig, FROZEN) == ["probed", "reconnected", "rebooted", "quarantined"]

    sim.clear(FROZEN)
    rig.until(lambda: device(rig, FROZEN)["health"] == "ok", "its probation is over")
    assert rig.finished(rig.begin(rig.shell("true"), on=[FROZEN]))["status"] == "succeeded"
    rig.until(lambda: history(rig, FROZEN)[-1] == "released", "the release is in its history")
