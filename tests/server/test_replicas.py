"""Two servers on one database: it makes no difference which one answers."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rackhand.server import wakeups
from rackhand.server.fake import Api, ServerPlace
from rackhand.store.fake import DatabasePlace

PHONE = {"serial": "S1", "runtime_handle": "S1", "adb_state": "device", "online": True}
SOON_S = 30.0
LONG_MS = 30_000

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


async def until(look: Callable[[], bool]) -> None:
    while not look():  # noqa: ASYNC110 - these facts have no event
        await asyncio.sleep(0.005)


async def poll(node: Api) -> Any:
    body = {"node_id": "PC-01", "max_jobs": 1, "wait_ms": LONG_MS, "held": []}
    return (await node.post("/api/nodes/pull", json=body)).json()


async def fleet(one: Api) -> tuple[Api, str]:
    """A node with a phone, and the id of a playbook."""
    node = await one.node("PC-01")
    beat = {"node": {"agent_version": "1"}, "leases": [], "devices": [PHONE]}
    event = {"event_id": "b1", "type": "device_heartbeat", "node_id": "PC-01", "payload": beat}
    assert (await node.post("/api/nodes/callback", json=event)).status_code == 200
    asset = await one.make("/api/command-assets", {"title": "Look", "kind": "screenshot"})
    playbook = await one.make("/api/playbooks", {"title": "Look", "steps": [{"asset_id": asset["id"]}]})
    return node, playbook["id"]


def test_a_run_made_on_one_server_wakes_a_poll_of_the_other(database: DatabasePlace, tmp_path: Path) -> None:
    async def story() -> None:
        place = ServerPlace(database, tmp_path)
        async with place.open() as one, place.open() as two:
            node, playbook = await fleet(one)
            await until(lambda: one.room.wakeups.is_connected and two.room.wakeups.is_connected)
            heard = two.room.wakeups.heard
            waiting = asyncio.create_task(poll(two.using(node.token)))
            await until(lambda: two.room.wakeups.waiting == 1)
            assert two.room.wakeups.patience_s > LONG_MS, "it does not look by itself"

            await one.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}})

            assert len((await asyncio.wait_for(waiting, SOON_S))["jobs"]) == 1
            assert two.room.wakeups.heard > heard
            assert f"rackhand_hints_heard {float(two.room.wakeups.heard)}" in (await two.get("/metrics")).text

    asyncio.run(story())


def test_polls_look_by_themselves_while_no_hints_come(
    database: DatabasePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "LOOK_AGAIN_S", 0.05)

    async def story() -> None:
        place = ServerPlace(database, tmp_path)
        async with place.open() as one, place.open() as two:
            node, playbook = await fleet(one)
            assert two.room.hints is not None
            await two.room.hints.close()
            waiting = asyncio.create_task(poll(two.using(node.token)))
            await until(lambda: two.room.wakeups.waiting == 1)
            assert two.room.wakeups.patience_s < LONG_MS / 1000
            await one.make("/api/runs", {"playbook_id": playbook, "target": {"scope": "all"}})
            assert len((await asyncio.wait_for(waiting, SOON_S))["jobs"]) == 1

    asyncio.run(story())
