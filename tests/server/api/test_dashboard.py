"""The dashboard over HTTP: its shape, its window, and a bad one."""

import asyncio

from rackhand.core.lease import Periods
from rackhand.engine import nodes
from rackhand.engine.fake import phone
from rackhand.server.fake import ServerPlace
from rackhand.wire.messages import Heartbeat


def test_an_empty_fleet_answers_empty_arrays(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            shown = (await api.get("/api/dashboard")).json()
            assert (shown["todo"], shown["recent_runs"], shown["heatmap"]["packed"]) == ([], [], "")
            assert shown["series"][-1]["hour_at"] == "2026-11-22T10:00:00.000Z"
            assert shown["kpis"]["step_success_rate"] is None

    asyncio.run(story())


def test_a_phone_that_asks_for_trust_is_on_the_list_with_its_action(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            await api.node("PC-01")
            odd = phone(None, runtime_handle="usb:3", adb_state="unauthorized", online=False)
            await api.db.write(nodes.beat, "PC-01", Heartbeat(devices=[odd, phone("kim")]), Periods())
            shown = (await api.get("/api/dashboard?window=7d")).json()
            (todo,) = shown["todo"]
            assert (todo["kind"], todo["severity"]) == ("unregistered", "warning")
            assert todo["action"] == {"title": "Scan PC-01", "method": "POST", "path": "/api/nodes/scan"}
            assert (shown["window_hours"], shown["heatmap"]["packed"]) == (168, "8")

    asyncio.run(story())


def test_a_bad_window_is_refused(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            for window in ("forever", "0h", "-1d", "9999h"):
                refused = await api.get(f"/api/dashboard?window={window}")
                assert refused.status_code == 422
                assert refused.json()["errors"][0]["path"] == "/query/window"

    asyncio.run(story())
