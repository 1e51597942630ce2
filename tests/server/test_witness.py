"""What is committed is told once, as lines and numbers; what is undone is never told. Readiness beside an upgrade."""

import asyncio
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from rackhand.engine.facts import NodeMoved
from rackhand.engine.fake import Lab, phone
from rackhand.server.fake import Api, ServerPlace
from rackhand.store import sweeps
from rackhand.store.db import Committed, Tx
from rackhand.store.fake import DatabasePlace

FACT = NodeMoved("PC-01", True)


async def number(api: Api, line: str) -> float:
    """The value of a metric; 0 if it is not there yet."""
    found = [text for text in (await api.get("/metrics")).text.splitlines() if text.startswith(f"{line} ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_a_run_is_told_from_its_begin_to_its_end(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab = Lab(api.db, api.clock)
            with capture_logs() as lines:
                await lab.node("PC-01", 2)
                run = (await lab.run(await lab.playbook())).view.id
                (job,) = (await lab.pull("PC-01")).jobs
                assert await number(api, 'rackhand_device_runs{status="queued"}') == 2
                await lab.execute("PC-01", job)
                (other,) = (await lab.pull("PC-01")).jobs
                await lab.report(lab.started("PC-01", other))
                await lab.sweep()
                await lab.sweep(after_ms=100_000)
            told = [line for line in lines if line.get("run_id") == run]
            assert [line["event"] for line in told if "device" not in line] == [
                "run queued",
                "run running",
                "run partial",
            ]
            assert [(line["device"], line["event"]) for line in told if "device" in line] == [
                (1, "device run succeeded"),
                (2, "device run running"),
                (2, "device run lost"),
            ]
            assert {line["node_id"] for line in told if "device" in line} == {"PC-01"}
            assert {line["event"] for line in lines} >= {"node reports", "node is silent"}
            assert await number(api, 'rackhand_runs_ended_total{status="partial"}') == 1
            assert await number(api, 'rackhand_device_runs_ended_total{status="lost"}') == 1
            assert await number(api, "rackhand_commit_events_sum") == 4
            assert await number(api, "rackhand_database_write_seconds_count") > 5
            assert await number(api, 'rackhand_devices{state="offline"}') == 2
            assert await number(api, "rackhand_nodes_online") == 0

    asyncio.run(story())


def test_what_is_rolled_back_is_not_told(database: DatabasePlace) -> None:
    heard: list[object] = []

    def fail(tx: Tx) -> None:
        tx.tell(FACT)
        raise LookupError("undone")

    def fail_in_part(tx: Tx) -> None:
        tx.tell(FACT)
        sweeps.attempt(tx, lambda: fail(tx), lambda _: None)

    async def story() -> None:
        async with database.started() as db:
            db.listen(lambda committed: heard.extend(committed.facts))
            with pytest.raises(LookupError):
                await db.write(fail)
            assert heard == []
            await db.write(fail_in_part)
            assert heard == [FACT]

    asyncio.run(story())


def test_who_no_longer_waits_has_changed_it_all_the_same(database: DatabasePlace) -> None:
    async def story() -> None:
        heard = asyncio.Event()
        began = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(tx: Tx) -> None:
            tx.tell(FACT)
            loop.call_soon_threadsafe(began.set)
            tx.conn.exec_driver_sql("SELECT 1")

        def listen(committed: Committed) -> None:
            if FACT in committed.facts:
                heard.set()

        async with database.started() as db:
            db.listen(listen)
            caller = asyncio.create_task(db.write(slow))
            await began.wait()
            caller.cancel()
            await asyncio.wait_for(heard.wait(), 30)

    asyncio.run(story())


def test_a_server_beside_a_newer_schema_stays_ready_and_says_so(server: ServerPlace) -> None:
    def upgrade(tx: Tx) -> None:
        tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    def empty(tx: Tx) -> None:
        tx.conn.exec_driver_sql("DELETE FROM alembic_version")

    async def story() -> None:
        async with server.open() as api:
            await api.db.write(upgrade)
            answer = await api.get("/readyz")
            assert (answer.status_code, answer.json()["schema"]) == (200, "newer")
            await api.db.write(empty)
            answer = await api.get("/readyz")
            assert (answer.status_code, "rackhand db upgrade" in answer.json()["detail"]) == (503, True)

    asyncio.run(story())


def test_lines_of_a_request_name_what_its_path_and_its_token_name(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            node, lab = await api.node("PC-01"), Lab(api.db, api.clock)
            await lab.beat("PC-01", [phone("S1")])
            run = (await lab.run(await lab.playbook())).view.id
            lines: list[Any] = []

            def keep(_: object, __: str, line: Any) -> Any:
                lines.append(line)
                raise structlog.DropEvent

            structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
            try:
                await api.get(f"/api/runs/{run}/devices/1")
                await node.post("/api/nodes/pull", json={"node_id": "PC-01"})
                await api.get("/api/runs")
            finally:
                structlog.reset_defaults()
            one, two, three = (line for line in lines if line["event"] == "request")
            assert (one["run_id"], one["device"]) == (run, 1)
            assert (two["node_id"], "run_id" in two) == ("PC-01", False)
            assert not {"run_id", "node_id", "device"} & three.keys()

    asyncio.run(story())
