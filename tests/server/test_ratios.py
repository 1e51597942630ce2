"""Ratios that hold on any machine: what the group commit is worth, what a poll saves, and that nothing gets dearer with
history. Times themselves are measured in bench/, and asserted nowhere.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.fleet_rows import serials, write_fleet
from bench.history_rows import Shape, write_history

from rackhand.core.lease import Periods
from rackhand.core.schema import parse
from rackhand.engine import catalog, nodes, status, work
from rackhand.engine.access import SYSTEM
from rackhand.engine.callbacks import CallbackWriter, Request, apply_events
from rackhand.engine.contexts import Contexts
from rackhand.engine.fake import Lab, item, phone
from rackhand.engine.run_requests import RUN_REQUEST
from rackhand.engine.runs import Origin, create_run
from rackhand.engine.status import Board, Query
from rackhand.server.fake import ServerPlace
from rackhand.store import inventory
from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace
from rackhand.wire.messages import Heartbeat, Job

STATUS = "/api/nodes/status"
AGENTS = 100
WORTH = 4
"""Promised of the group commit at 100 agents; seen on SQLite and a busy machine: 29."""


async def at_work(lab: Lab, count: int) -> list[Job]:
    """`count` started device runs."""
    phones = await lab.node("PC-01", count)
    await lab.beat("PC-01", phones, concurrency=1_000)
    await lab.run(await lab.playbook(), policy={"concurrency": 1_000})
    jobs = (await lab.pull("PC-01", max_jobs=count)).jobs
    await lab.report(*(lab.started("PC-01", job) for job in jobs))
    return jobs


def requests(lab: Lab, jobs: list[Job], attempt: int) -> list[Request]:
    """One event of each, each in a request of its own, as from as many agents."""
    told = [lab.step("PC-01", job, attempt + 1, 0, "failed", attempt=attempt) for job in jobs]
    return [Request("PC-01", (item(event),)) for event in told]


async def seconds(work: Awaitable[Any]) -> float:
    began_at = time.perf_counter()
    await work
    return time.perf_counter() - began_at


def test_a_group_commit_is_worth_several_commits_of_one_request(database: DatabasePlace) -> None:
    async def story() -> None:
        async with database.started() as db:
            lab, contexts = Lab(db, database.clock), Contexts()
            jobs = await at_work(lab, AGENTS)
            writer = CallbackWriter(db, Periods(), lambda _: None)
            await writer.start()

            async def one_by_one(told: list[Request]) -> None:
                for request in told:
                    await db.write(apply_events, [request], Periods(), contexts)

            async def together(told: list[Request]) -> None:
                await asyncio.gather(*map(writer.submit, told))

            single, grouped = [], []
            for number in range(1, 7, 2):
                single.append(await seconds(one_by_one(requests(lab, jobs, number))))
                grouped.append(await seconds(together(requests(lab, jobs, number + 1))))
            await writer.close()
            assert min(single) / min(grouped) >= WORTH

    asyncio.run(story())


def test_a_poll_of_ten_thousand_devices_costs_what_changed(server: ServerPlace) -> None:
    changed = [phone(serial, online=False, adb_state="offline") for serial in serials(0, 100)]

    async def story() -> None:
        async with server.open() as api:
            await api.db.write(write_fleet, 100, 100)
            objects, packed = await api.get(STATUS), await api.get(f"{STATUS}?view=packed")
            await api.db.write(nodes.beat, "N-0001", Heartbeat(devices=changed), Periods())
            since = f"since={packed.json()['rev']}"
            delta, codes = await api.get(f"{STATUS}?{since}"), await api.get(f"{STATUS}?view=packed&{since}")
            assert [len(part.json()["changed"]) for part in (delta, codes)] == [100, 100]
            assert len(delta.content) / len(objects.content) <= 0.1
            assert len(codes.content) / len(packed.content) <= 0.5

    asyncio.run(story())


def counted(act: Callable[[Tx], Any]) -> Callable[[Tx], int]:
    """How many instructions of its virtual machine SQLite takes for `act`, in hundreds: rows that it walks count."""

    def use_case(tx: Tx) -> int:
        found = [0]

        def note() -> int:
            found[0] += 1
            return 0

        driven: Any = tx.conn.connection.driver_connection
        driven.set_progress_handler(note, 100)
        try:
            act(tx)
        finally:
            driven.set_progress_handler(None, 0)
        return found[0]

    return use_case


async def look(lab: Lab, jobs: list[Job], attempt: int) -> dict[str, int]:
    """What each of these takes now."""
    rev = (await lab.db.read(inventory.load_fleet)).rev
    held = [job.lease.token for job in jobs]
    asset = (await lab.db.write(catalog.create_asset, SYSTEM, {"title": "Look", "kind": "screenshot"})).id
    target = {"scope": "nodes", "nodes": ["N-0001"]}
    wanted = parse(RUN_REQUEST, {"steps": [{"asset_id": asset}], "target": target})
    told = requests(lab, jobs, attempt)
    acts: dict[str, Callable[[Tx], Any]] = {
        "events": lambda tx: apply_events(tx, told, Periods(), Contexts()),
        "poll": lambda tx: status.read(tx, Query("packed", rev - 1), Board()),
        "pull": lambda tx: work.pull(tx, "PC-01", 10, held, Periods()),
        "run": lambda tx: create_run(tx, wanted, Origin()),
    }
    return {name: await lab.db.write(counted(act)) for name, act in acts.items()}


def test_nothing_walks_through_history(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "test.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    place = DatabasePlace(f"sqlite:///{path}", "sqlite")

    async def empty() -> tuple[list[Job], dict[str, int]]:
        async with place.started() as db:
            await db.write(write_fleet, 10, 10)
            lab = Lab(db, place.clock)
            jobs = await at_work(lab, 20)
            return jobs, await look(lab, jobs, 1)

    async def full(jobs: list[Job]) -> dict[str, int]:
        async with place.started() as db:
            return await look(Lab(db, place.clock, numbers=itertools.count(100_000)), jobs, 2)

    jobs, before = asyncio.run(empty())
    write_history(place.url, Shape(runs=3, devices=100, each=10))
    after = asyncio.run(full(jobs))

    assert {name: count for name, count in after.items() if count > 1.2 * before[name] + 5} == {}, (before, after)
