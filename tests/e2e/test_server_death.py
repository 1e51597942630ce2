"""kill -9 of the server in mid-run: agents go on, nothing acknowledged is forgotten, no lease fails by the restart."""

import signal
from functools import partial
from typing import Any

import pytest

from rackhand.cli.fake import Rig, gated
from rackhand.core.clock import to_rfc3339
from rackhand.store.fake import DatabasePlace

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is not of this system")
SERIALS = ["SIM00001", "SIM00002"]


def event(name: str, kind: str, payload: dict[str, Any], **lease: Any) -> dict[str, Any]:
    at = to_rfc3339(1_800_000_000_000)
    return {"event_id": name, "type": kind, "node_id": "BY-HAND", "occurred_at": at, "payload": payload} | lease


def is_stored(rig: Rig, run: str, serial: str) -> bool:
    return {(a["kind"], a["status"]) for a in rig.detail(run, serial)["artifacts"]} == {
        ("log", "stored"),
        ("screenshot", "stored"),
    }


def take_job(rig: Rig) -> dict[str, Any]:
    """A node without an agent: it beats once with one phone, and pulls the run that is made for it."""
    phone = {"serial": "HAND-1", "runtime_handle": "HAND-1", "adb_state": "device", "online": True}
    rig.add_node("BY-HAND")
    beat = event("beat-1", "device_heartbeat", {"node": {}, "leases": [], "devices": [phone]})
    assert rig.report("BY-HAND", beat)["ok"]
    rig.begin(rig.shell("echo by hand"), on=["HAND-1"])
    pulled = rig.node_api("BY-HAND").post("/api/nodes/pull", {"node_id": "BY-HAND", "max_jobs": 1, "wait_ms": 0})
    return dict(pulled["jobs"][0])


def test_a_killed_server_loses_nothing(database: DatabasePlace, own_rig: Rig) -> None:
    rig = own_rig
    rig.environment["RACKHAND_DATABASE_URL"] = database.url
    rig.start_server()
    sim = rig.start_sim(2)
    rig.start_agent("PC-01", sim.ports[0])
    rig.until_online(SERIALS)
    run = rig.begin(
        rig.shell("echo first"),
        rig.shell(gated("kill")),
        rig.step("screenshot"),
        on=SERIALS,
        policy={"concurrency": 2, "grace_wait_ms": 30_000},
    )
    for serial in SERIALS:
        rig.until_told(sim, serial, ": kill;")
    job = take_job(rig)
    payload = {"run_id": job["run_id"], "device_index": job["device"]["index"]}
    started = event("started-1", "task_started", payload, lease_token=job["lease"]["token"], seq=1)

    assert rig.report("BY-HAND", started)["duplicate"] is False
    assert rig.server is not None
    rig.server.kill()
    sim.open("SIM00001", "kill")
    rig.until_told(sim, "SIM00001", "screencap")
    rig.start_server()

    assert rig.report("BY-HAND", started)["duplicate"] is True
    assert rig.cells(job["run_id"])["HAND-1"]["started_at"] is not None
    rig.until_told(sim, "SIM00002", ": kill;")
    sim.open("SIM00002", "kill")
    assert rig.finished(run)["status"] == "succeeded", rig.messages(run)
    for serial in SERIALS:
        assert rig.attempts(run, serial) == [(0, 1, "succeeded"), (1, 1, "succeeded"), (2, 1, "succeeded")]
        assert [sim.count(serial, words) for words in ("echo first", ": kill;")] == [1, 1]
        rig.until(partial(is_stored, rig, run, serial), "the files are on the server")
