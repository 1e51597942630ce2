"""Stories of scans: asked for, handed out until begun, reported, rolled up, timed out."""

import asyncio
from typing import Any

import pytest

from rackhand.core.errors import NotAllowed, NotFound
from rackhand.core.lease import Periods
from rackhand.engine import nodes, scans
from rackhand.engine.fake import phone
from rackhand.server.fake import Api, ServerPlace
from rackhand.wire.messages import Heartbeat, ScanProgressPayload

PERIODS = Periods()


async def beat(api: Api, node_id: str, *serials: str) -> None:
    await api.db.write(nodes.beat, node_id, Heartbeat(devices=[phone(serial) for serial in serials]), PERIODS)


async def lab(api: Api) -> None:
    for node_id in ("PC-01", "PC-02"):
        await api.node(node_id)
        await beat(api, node_id, f"{node_id}-A")


async def report(api: Api, node_id: str, scan_job_id: str, status: Any, **more: Any) -> None:
    await api.db.write(scans.report, node_id, ScanProgressPayload(scan_job_id=scan_job_id, status=status, **more))


async def look(api: Api, scan_job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/api/nodes/scan/{scan_job_id}")).json()
    return found


async def start(api: Api, **body: Any) -> tuple[str, dict[str, str]]:
    answer = await api.post("/api/nodes/scan", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["scan_job_id"], {job["node_id"]: job["scan_job_id"] for job in answer.json()["jobs"]}


def test_a_scan_of_all_counts_what_its_nodes_found_and_what_is_new(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            api.clock.advance(1_000)
            whole, jobs = await start(api)
            await report(api, "PC-01", jobs["PC-01"], "running", total=3)
            assert (await look(api, whole))["status"] == "running"
            await beat(api, "PC-01", "PC-01-A", "PC-01-B", "PC-01-C")
            await report(api, "PC-01", jobs["PC-01"], "succeeded", total=3)
            await report(api, "PC-02", jobs["PC-02"], "succeeded", total=1)
            shown = await look(api, whole)
            assert [shown[name] for name in ("status", "found", "added", "progress", "total")] == [
                "succeeded",
                4,
                2,
                4,
                4,
            ]
            assert [job["added"] for job in shown["jobs"]] == [2, 0]

    asyncio.run(story())


def test_a_scan_is_handed_out_until_it_is_begun(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            scan, jobs = await start(api, node_id="PC-01")
            assert jobs == {"PC-01": scan}
            for _ in range(2):
                assert await api.db.write(scans.hand_out, "PC-01") == [scan]
            assert await api.db.write(scans.hand_out, "PC-02") == []
            await report(api, "PC-01", scan, "running")
            assert await api.db.write(scans.hand_out, "PC-01") == []

    asyncio.run(story())


def test_a_silent_node_fails_at_once_and_says_so(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            api.clock.advance(40_000)
            await beat(api, "PC-01", "PC-01-A")
            whole, jobs = await start(api)
            await report(api, "PC-01", jobs["PC-01"], "succeeded")
            shown = await look(api, whole)
            assert shown["status"] == "failed"
            assert "PC-02 is silent" in shown["error_message"]
            assert await api.db.write(scans.hand_out, "PC-02") == []

    asyncio.run(story())


def test_a_scan_that_nobody_finishes_times_out(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            whole, jobs = await start(api)
            await report(api, "PC-01", jobs["PC-01"], "running")
            api.clock.advance(60_000)
            assert await api.db.write(scans.sweep_scans, PERIODS) == 0
            api.clock.advance(1)
            assert await api.db.write(scans.sweep_scans, PERIODS) == 2
            shown = await look(api, whole)
            assert shown["status"] == "timed_out"
            assert {job["status"] for job in shown["jobs"]} == {"timed_out"}
            await report(api, "PC-01", jobs["PC-01"], "succeeded")
            assert (await look(api, whole))["status"] == "timed_out"

    asyncio.run(story())


def test_a_failed_scan_keeps_the_nodes_reason(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            scan, _ = await start(api, node_id="PC-02")
            await report(api, "PC-02", scan, "failed", error_message="adb does not answer", total=-3)
            shown = await look(api, scan)
            assert (shown["status"], shown["error_message"]) == ("failed", "adb does not answer")

    asyncio.run(story())


def test_a_node_reports_only_its_own_scans(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await lab(api)
            scan, _ = await start(api, node_id="PC-01")
            with pytest.raises(NotAllowed):
                await report(api, "PC-02", scan, "succeeded")
            with pytest.raises(NotFound):
                await report(api, "PC-02", "nothing", "succeeded")
            assert (await look(api, scan))["status"] == "queued"

    asyncio.run(story())


def test_a_fleet_without_nodes_is_scanned_at_once(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            whole, jobs = await start(api)
            assert jobs == {}
            assert (await look(api, whole))["status"] == "succeeded"
            assert (await api.get("/api/nodes/scan/unknown")).status_code == 404
            assert (await api.post("/api/nodes/scan", json={"node_id": "PC-09"})).status_code == 404
            assert (await api.post("/api/nodes/scan", json={"node": "PC-09"})).status_code == 422

    asyncio.run(story())
