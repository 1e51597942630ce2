"""What may happen to a server's database and clock: nothing acknowledged is lost, all can see it, it ends by itself."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass
class Cable:
    """Between the server and PostgreSQL's socket: it can be pulled out and plugged in again."""

    folder: Path
    socket: str
    ends: list[asyncio.StreamWriter] = field(default_factory=list)
    plug: asyncio.Server | None = None

    async def plug_in(self) -> None:
        self.plug = await asyncio.start_unix_server(self._join, self.folder / ".s.PGSQL.5432")

    async def pull_out(self) -> None:
        assert self.plug is not None
        self.plug.close()
        (self.folder / ".s.PGSQL.5432").unlink(missing_ok=True)
        for end in self.ends:
            end.transport.abort()
        self.ends.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(self.socket)
        self.ends += [writer, ours]
        await asyncio.gather(_pour(reader, ours), _pour(theirs, writer))


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    sink.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets in asyncio there")
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_is_gone_for_a_while(database: DatabasePlace, tmp_path: Path) -> None:
    _, _, home = database.url.partition("?host=")
    cable = Cable(tmp_path, f"{home}/.s.PGSQL.5432")
    place = DatabasePlace(database.url.replace(home, str(tmp_path)), "postgresql", database.clock)

    async def story() -> None:
        await cable.plug_in()
        async with ServerPlace(place, tmp_path / "data").open(**SHORT) as api:
            node, lab, job = await working(api)
            told, refused = lab.started("PC-01", job), lab.step("PC-01", job, 2, 0, "succeeded")
            assert await report(node, told) == ["accepted"]
            await cable.pull_out()
            assert await report(node, refused) == ["503"]
            assert await answers(api, "/readyz", 503)
            assert "rackhand_database_up 0.0" in (await api.get("/metrics")).text
            assert (await api.using(None).get("/healthz")).status_code == 200
            assert (await api.get("/api/runs")).status_code == 503
            api.clock.advance(60_000)
            await cable.plug_in()
            await until(lambda: is_ready(api))
            await ends_well(node, lab, job, told, refused)
            assert any(todo["kind"] == "servers_resumed" for todo in await todos(api))
        await cable.pull_out()

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
