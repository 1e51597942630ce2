"""What people see of an ill device and do about it, in both languages; and the limits that they set."""

import asyncio
from typing import Any

from rackhand.engine import preferences
from rackhand.engine.access import Role
from rackhand.engine.fake import Lab, phone
from rackhand.server.fake import Api, ServerPlace
from rackhand.wire.messages import ReportedCare

GONE = "it did not come back, even after a reboot"
OUT = ReportedCare(since_ms=60_000, reason=GONE, rung="reboot", rung_age_ms=70_000, good_probes=2, probation_probes=12)
HELD = ReportedCare(since_ms=5_000, rung="probe", rung_age_ms=1_000, next_rung="reconnect", next_in_ms=9_000)


async def rack(api: Api) -> Lab:
    lab = Lab(api.db, api.clock)
    await lab.node("PC-01", 2)
    return lab


async def tell(lab: Lab, **facts: Any) -> None:
    await lab.beat("PC-01", [phone("PC-01-S001", **facts), phone("PC-01-S002")])


def test_the_page_of_an_ill_device_says_what_is_so_and_what_comes_next(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab, viewer = await rack(api), await api.person(Role.VIEWER)
            await tell(lab, online=False, health="unresponsive", care=HELD)
            page = (await viewer.get("/devices/1?lang=en")).text
            assert all(text in page for text in ("Unresponsive", "one more probe", "a reconnect", "not before"))

            event = lab.device_event("PC-01", "PC-01-S001", "quarantined", text=GONE)
            await lab.report(event)
            await tell(lab, online=False, health="quarantined", care=OUT)
            page = (await viewer.get("/devices/1?lang=en")).text
            assert "No run uses this device" in page
            assert f"quarantined: {GONE}" in page
            assert "Probation: 2 of 12 good probes in a row" in page
            assert f'title="1 · quarantined: {GONE}"' in (await viewer.get("/devices?lang=en")).text
            page = (await viewer.get("/devices/1?lang=ko")).text
            assert "격리됨" in page
            assert "재부팅해도 돌아오지 않았습니다" in page
            assert GONE not in page

            rows = (await viewer.get("/devices?view=list&lang=ko")).text
            assert rows.count("재부팅해도 돌아오지 않았습니다") == 1

    asyncio.run(story())


def test_an_operator_ends_the_quarantine_on_the_page_and_by_the_to_do_list(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            lab, operator = await rack(api), await api.person(Role.OPERATOR)
            for form in ("/devices/1/unquarantine", "/todo"):
                await tell(lab, health="quarantined", care=OUT)
                assert "End the quarantine" in (await operator.get("/devices/1?lang=en")).text
                body = {"/kind": "quarantined", "/subject": "device:1"} if form == "/todo" else {}
                assert (await operator.post(form, data=body)).status_code == 303
                shown = (await operator.get("/api/devices/1")).json()
                assert (shown["blocked_by"], shown["health"]) == (None, "quarantined")
                assert "released by an operator" in (await operator.get("/devices/1?lang=en")).text
                await tell(lab, health="ok")

    asyncio.run(story())


def test_administrators_set_the_limits_and_a_bad_one_changes_nothing(server: ServerPlace) -> None:
    async def story() -> None:
        async with server.open() as api:
            admin = await api.person(Role.ADMIN)
            assert "Limits of devices" in (await admin.get("/settings?lang=en")).text
            bad = await admin.post("/settings", data={"/limits/hot_c": "44.5", "/limits/min_battery": "500"})
            assert bad.status_code == 422
            assert (
                await admin.post("/settings", data={"/limits/hot_c": "44.5", "/limits/min_battery": ""})
            ).is_redirect

            limits = (await api.db.read(preferences.read)).limits
            assert (limits.hot_c, limits.min_battery) == (44.5, 10)
            assert (await admin.get("/api/settings")).json()["limits"]["hot_c"] == 44.5

    asyncio.run(story())
