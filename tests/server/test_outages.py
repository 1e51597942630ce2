"""What may happen to a server's database and clock: nothing acknowledged is lost, all can see it, it ends by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from rackhand.core.lease import Periods
from rackhand.engine.fake import Lab, phone
from rackhand.server.fake import Api, ServerPlace
from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace

HOUR_MS = 3_600_000
SHORT = {"sweep_ms": 10, "sweep_gap_ms": 5_000}


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(2_000):
        if await true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def is_ready(api: Api) -> bool:
    return (await api.get("/readyz")).status_code == 200


async def working(api: Api) -> tuple[Api, Lab, Any]:
    """A node with one phone in the middle of a run."""
    node, lab = await api.node("PC-01"), Lab(api.db, api.clock)
    await lab.beat("PC-01", [phone("S1")])
    await lab.run(await lab.playbook({"kind": "screenshot"}, {"kind": "screenshot"}))
    (job,) = (await lab.pull("PC-01")).jobs
    return node, lab, job


async def report(node: Api, *events: dict[str, Any]) -> list[str]:
    """Verdicts, or the status of a request that was not taken."""
    answer = await node.post("/api/nodes/callback", json={"events": list(events)})
    if answer.status_code != 200:
        assert answer.headers["retry-after"]
        return [str(answer.status_code)]
    return [result["status"] for result in answer.json()["results"]]


async def ends_well(node: Api, lab: Lab, job: Any, told: dict[str, Any], refused: dict[str, Any]) -> None:
    """Told is known, refused is taken now, and the run ends as if nothing had been."""
    assert await report(node, told, refused) == ["duplicate", "accepted"]
    rest = [lab.step("PC-01", job, 3, 1, "succeeded"), lab.event("PC-01", job, "task_finished", 4, status="succeeded")]
    assert await report(node, *rest) == ["accepted"] * 2
    assert (await lab.view(job.run_id)).run.status == "succeeded"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_is_gone_for_a_while(server: ServerPlace, database: DatabasePlace) -> None:
    name = database.url.split("/")[3].split("?")[0]

    async def allow(is_there: bool) -> None:
        conn = await asyncpg.connect(database.url.replace(f"/{name}", "/postgres"))
        await conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {is_there}")
        if not is_there:
            ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"
            await conn.fetch(ended, name)
        await conn.close()

    async def story() -> None:
        async with server.open(**SHORT) as api:
            node, lab, job = await working(api)
            told, refused = lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "succeeded")
            assert await report(node, told) == ["accepted"]
            await allow(False)
            try:
                assert await report(node, refused) == ["503"]
                await until(lambda: answers(api, "/readyz", 503))
                metrics = await api.get("/metrics")
                assert "rackhand_database_up 0.0" in metrics.text
                assert (await api.using(None).get("/healthz")).status_code == 200
                assert (await api.get("/api/runs")).status_code == 503
                api.clock.advance(60_000)
            finally:
                await allow(True)
            await until(lambda: is_ready(api))
            await ends_well(node, lab, job, told, refused)
            assert any(todo["kind"] == "servers_resumed" for todo in await todos(api))

    asyncio.run(story())


async def answers(api: Api, path: str, status: int) -> bool:
    return (await api.get(path)).status_code == status


async def todos(api: Api) -> list[dict[str, Any]]:
    return list((await api.get("/api/dashboard")).json()["todo"])


def stop_growth(tx: Tx) -> None:
    """As on a full disk: the file cannot grow any more."""
    pages = tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def room_again(tx: Tx) -> None:
    tx.conn.exec_driver_sql("PRAGMA max_page_count = 1000000")


def test_a_disk_that_is_full(server: ServerPlace, database: DatabasePlace) -> None:
    if database.dialect != "sqlite":
        return  # PostgreSQL says it with SQLSTATE 53100: tests/store/test_outage.py

    async def story() -> None:
        async with server.open(**SHORT) as api:
            node, lab, job = await working(api)
            told = lab.started("PC-01", job)
            refused = lab.step("PC-01", job, 2, 0, "succeeded", output_tail="x" * 16_000)
            assert await report(node, told) == ["accepted"]
            await lab.db.write(stop_growth)
            assert await report(node, refused) == ["503"]
            assert (await api.using(None).get("/healthz")).status_code == 200
            await lab.db.write(room_again)
            await until(lambda: is_ready(api))
            await ends_well(node, lab, job, told, refused)

    asyncio.run(story())


@pytest.mark.parametrize("jump_ms", [-HOUR_MS, HOUR_MS], ids=["back", "forward"])
def test_a_clock_that_jumps_by_an_hour_costs_nothing(server: ServerPlace, jump_ms: int) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, lab, job = await working(api)
            told, refused = lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "succeeded")
            assert await report(node, told) == ["accepted"]
            await lab.sweep(after_ms=1_000)
            api.clock.advance(jump_ms)
            assert (await lab.sweep()).gap_ms == jump_ms
            assert (await lab.sweep(after_ms=Periods().lease_ms - 1_000)).closed == 0
            assert any(todo["kind"] == "servers_resumed" for todo in await todos(api))
            metrics = (await api.get("/metrics")).text
            assert "rackhand_sweep_gaps_total 1.0" in metrics
            beat = await lab.beat("PC-01", leases=[job.lease.token])
            assert [renewal.token for renewal in beat.renewed] == [job.lease.token]
            await ends_well(node, lab, job, told, refused)
            api.clock.advance(HOUR_MS)
            assert not any(todo["kind"] == "servers_resumed" for todo in await todos(api))

    asyncio.run(story())
