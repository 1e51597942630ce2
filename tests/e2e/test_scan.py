"""Scans and the identity of devices: indexes in the order of ports, devices that move, serials that come twice."""

from typing import Any

from rackhand.cli.fake import Rig, Sim


def scan(rig: Rig, node_id: str) -> dict[str, Any]:
    """Ask a node to look now; the ended job."""
    started = rig.api.post("/api/nodes/scan", {"node_id": node_id})

    def look() -> dict[str, Any]:
        job = rig.api.get(f"/api/nodes/scan/{started['scan_job_id']}")
        return dict(job) if job["status"] in ("succeeded", "failed", "timed_out") else {}

    return rig.until(look, "the scan did not end")


def by_serial(rig: Rig) -> dict[str, dict[str, Any]]:
    return {each["serial"]: each for each in rig.devices()}


def show(rig: Rig, sim: Sim, *serials: str) -> None:
    for serial in serials:
        sim.clear(serial)
    rig.until(lambda: {s for s, each in by_serial(rig).items() if each["online"]} >= set(serials), f"{serials} online")


def test_identity(own_rig: Rig) -> None:
    """One story, for its parts follow from each other."""
    rig = own_rig
    rig.start_server()
    first = rig.start_sim(4)
    for serial in ("SIM00001", "SIM00002", "SIM00003", "SIM00004"):
        first.fault(serial, "vanish", ms=600_000)
    rig.start_agent("PC-01", first.ports[0])
    show(rig, first, "SIM00003")
    assert by_serial(rig)["SIM00003"]["index"] == 1

    for serial in ("SIM00004", "SIM00001", "SIM00002"):
        first.clear(serial)
    job = scan(rig, "PC-01")
    assert job["status"] == "succeeded", job
    assert job["found"] == 4
    assert sorted(each["index"] for each in rig.devices()) == [1, 2, 3, 4]
    ports = {serial: each["usb_path"] for serial, each in by_serial(rig).items()}
    assert len(set(ports.values())) == 4

    rig.api.post("/api/devices/2/release")
    freed = next(each["serial"] for each in rig.devices() if each["index"] is None)
    assert {each["index"] for each in rig.devices()} == {1, 3, 4, None}

    second = rig.start_sim(6)
    for serial in ("SIM00001", "SIM00002", "SIM00004", "SIM00006"):
        second.fault(serial, "vanish", ms=600_000)
    second.fault("SIM00003", "vanish", ms=600_000)
    before = by_serial(rig)["SIM00003"]
    rig.start_agent("PC-02", second.ports[0])
    show(rig, second, "SIM00005")
    assert by_serial(rig)["SIM00005"]["index"] == 2
    assert freed in by_serial(rig)

    first.fault("SIM00003", "vanish", ms=600_000)
    rig.until(lambda: not by_serial(rig)["SIM00003"]["online"], "it left the first node")
    show(rig, second, "SIM00003")
    moved = by_serial(rig)["SIM00003"]
    assert (moved["index"], moved["id"], moved["node_id"]) == (before["index"], before["id"], "PC-02")

    first.clear("SIM00003")
    rig.until(lambda: by_serial(rig)["SIM00003"]["conflict"], "online on two nodes at once")
    honest = next(serial for serial, each in by_serial(rig).items() if each["node_id"] == "PC-01" and each["index"])
    run = rig.begin(rig.shell("echo who"), on=["SIM00003", honest])
    rig.finished(run)
    assert rig.statuses(run) == {"SIM00003": "skipped_offline", honest: "succeeded"}
    assert first.count("SIM00003", "echo who") + second.count("SIM00003", "echo who") == 0


def test_the_same_serial_twice_on_one_node_is_a_conflict(rig: Rig) -> None:
    sim = rig.start_sim(3, first=401)
    for serial in ("SIM00401", "SIM00402"):
        sim.fault(serial, "duplicate_serial", serial="0123456789ABCDEF")
    sim.fault("SIM00403", "duplicate_serial", serial="UNIQUE-1")
    rig.start_agent("PC-50", sim.ports[0])
    rig.until(lambda: by_serial(rig).get("UNIQUE-1", {}).get("online"), "the honest one is there")

    rig.until(lambda: rig.api.get("/api/dashboard")["todo"], "the to-do list says so")
    todo = rig.api.get("/api/dashboard")["todo"]
    assert [each for each in todo if "0123456789ABCDEF" in str(each)], todo
    twin = by_serial(rig).get("0123456789ABCDEF")
    assert twin is None or twin["conflict"]
    run = rig.begin(rig.shell("echo who"), target={"scope": "nodes", "nodes": ["PC-50"]})
    rig.finished(run)
    assert sim.count("SIM00401", "echo who") + sim.count("SIM00402", "echo who") == 0
    assert rig.statuses(run)["UNIQUE-1"] == "succeeded"
