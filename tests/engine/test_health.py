"""Stories of device health on the server: what heartbeats tell, whom runs leave out, incidents, and who ends what."""

from collections.abc import Awaitable, Callable
from typing import Any

from rackhand.engine import dashboard, device_pages, devices, preferences
from rackhand.engine.access import SYSTEM
from rackhand.engine.device_views import DeviceDetail
from rackhand.engine.fake import Lab, phone
from rackhand.engine.runs import Created
from rackhand.store import health, inventory
from rackhand.wire.messages import Heartbeat, ReportedCare, ReportedIncident, ReportedNode

Tell = Callable[[Callable[[Lab], Awaitable[None]]], None]
GONE = "it did not come back, even after a reboot"


async def look(lab: Lab, index: int = 1) -> DeviceDetail:
    return await lab.db.read(devices.by_index, index)


async def tells(lab: Lab, **facts: Any) -> Any:
    """PC-01 lists its one phone with these facts."""
    return await lab.beat("PC-01", [phone("PC-01-S001", **facts)])


async def left_out(lab: Lab) -> str | None:
    """Why a plan would leave the first device out."""
    return (await lab.db.read(lambda tx: inventory.candidates(tx, tx.now, 30)))[0].blocked_by


async def todo(lab: Lab) -> dict[str, str]:
    return {item.kind: item.message for item in (await lab.db.read(dashboard.read)).todo}


def test_what_an_agent_makes_of_a_device_is_shown_with_its_moments(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        care = ReportedCare(since_ms=9_000, rung="probe", rung_age_ms=2_000, next_rung="reconnect", next_in_ms=3_000)
        await tells(lab, online=False, health="unresponsive", care=care)
        told = lab.clock.at
        shown = (await look(lab)).care
        assert (shown.health_since_at, shown.rung_at, shown.next_at) == (told - 9_000, told - 2_000, told + 3_000)
        assert (shown.rung, shown.next_rung, shown.hold) == ("probe", "reconnect", None)

        lab.clock.advance(500)
        held = ReportedCare(since_ms=10_000, rung="melt", hold="lease")
        await tells(lab, online=False, health="unresponsive", care=held)
        shown = (await look(lab)).care
        assert (shown.health_since_at, shown.rung, shown.hold) == (told - 9_000, None, "lease")

        await lab.beat("PC-01", [])
        device = await look(lab)
        assert (device.health, device.care.health_since_at, device.care.hold) == ("absent", lab.clock.at, None)

    in_lab(story)


def test_a_flapping_device_and_a_quarantined_one_are_left_out_of_runs(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        flaps = "flapping: it came or went more than 3 times in 300 s"
        await tells(lab, health="flapping", care=ReportedCare(since_ms=0, reason=flaps))
        assert await left_out(lab) == flaps
        assert list(await todo(lab)) == ["device_flapping"]

        await tells(lab, health="quarantined", care=ReportedCare(since_ms=0, reason=GONE))
        assert await left_out(lab) == (await look(lab)).blocked_by == f"quarantined: {GONE}"
        assert await todo(lab) == {"quarantined": f"device 1 (PC-01-S001) is quarantined: {GONE}"}
        await lab.beat("PC-01", [])
        assert (await look(lab)).health == "quarantined"

        await tells(lab, health="ok")
        assert (await left_out(lab), await todo(lab)) == (None, {})

    in_lab(story)


def test_a_device_that_falls_ill_in_the_queue_is_passed_over(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        made: Created = await lab.run(await lab.playbook())
        await tells(lab, battery=3)
        assert (await lab.pull("PC-01")).jobs == []
        ended = await lab.device(made.view.id, 1)
        assert ended.device.status == "skipped_offline"
        assert ended.device.last_error_message == "its battery is below 10 % when its turn came"

    in_lab(story)


def test_a_limit_holds_until_the_value_is_clearly_better_and_is_a_setting(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        await tells(lab, temperature_c=46.0)
        since = (await look(lab)).care.limited_at
        lab.clock.advance(60_000)
        await tells(lab, temperature_c=44.0)
        shown = await look(lab)
        assert (shown.blocked_by, shown.care.limited_at) == ("its battery is too hot: runs stop at 45 °C", since)
        assert list(await todo(lab)) == ["device_hot"]
        await tells(lab, temperature_c=42.0)
        assert (await look(lab)).blocked_by is None

        limits = {"hot_c": 41.5, "warm_c": 41.0}
        body = preferences.PREFERENCES.check({"limits": limits}, "", [])
        changed = await lab.db.write(preferences.change, SYSTEM, body)
        assert (changed.limits.hot_c, changed.limits.min_battery) == (41.5, 10)
        await tells(lab, temperature_c=42.0)
        assert (await look(lab)).blocked_by == "its battery is too hot: runs stop at 41.5 °C"

    in_lab(story)


def test_storage_is_judged_by_its_share_where_the_size_is_known(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        await tells(lab, storage_free_mb=4_000, storage_total_mb=64_000)
        assert (await left_out(lab), list(await todo(lab))) == (None, ["storage_low"])
        await tells(lab, storage_free_mb=3_000)
        shown = await look(lab)
        assert (shown.blocked_by, shown.storage_total_mb) == (
            "its storage is nearly full: free is less than 5 %",
            64_000,
        )

    in_lab(story)


async def lists(lab: Lab, *incidents: ReportedIncident) -> None:
    """PC-01 lists nothing but its incidents."""
    beat = Heartbeat(node=ReportedNode(), devices=[], incidents=list(incidents))
    await lab.heartbeat("PC-01", beat)


def test_a_hub_that_went_is_one_entry_until_the_node_says_that_it_is_over(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 4)
        serials = [f"PC-01-S00{n}" for n in (1, 2, 3)]
        await lists(lab, ReportedIncident(hub="1-4", age_ms=50, serials=serials, total=4))
        assert set(await todo(lab)) == {"hub_incident", "devices_offline"}
        assert (await todo(lab))["devices_offline"].startswith("1 of the devices on PC-01")

        serials.append("PC-01-S004")
        await lists(lab, ReportedIncident(hub="1-4", age_ms=90, serials=serials, total=4))
        assert list(await todo(lab)) == ["hub_incident"]
        assert "4 of 4 devices of the hub 1-4 on PC-01" in (await todo(lab))["hub_incident"]
        assert len(await lab.db.read(health.open_incidents)) == 1

        await lists(lab)
        assert await lab.db.read(health.open_incidents) == []

    in_lab(story)


def test_people_end_a_quarantine_at_once_and_the_agent_is_told_until_it_follows(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        out = {"health": "quarantined", "care": ReportedCare(since_ms=0, reason=GONE)}
        assert (await tells(lab, **out)).pardoned == ()
        await lab.db.write(devices.end_quarantine, SYSTEM, 1)
        shown = await lab.db.read(device_pages.read, 1)
        assert (shown.device.blocked_by, shown.history[0].action) == (None, "device.end_quarantine")
        assert shown.history[0].detail == {"index": 1, "reason": GONE}

        assert (await lab.beat("PC-01")).pardoned == ("PC-01-S001",)
        assert (await tells(lab, **out)).pardoned == ("PC-01-S001",)
        assert (await tells(lab, health="ok", care=ReportedCare(since_ms=0))).pardoned == ()
        assert (await tells(lab, **out)).pardoned == ()
        assert await left_out(lab) == f"quarantined: {GONE}"

    in_lab(story)


def test_history_is_kept_once_and_only_for_devices_that_are_known(in_lab: Tell) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 1)
        event = lab.device_event("PC-01", "PC-01-S001", "rebooted", text="it took 9 s")
        lab.clock.advance(1)
        odd = lab.device_event("PC-01", "PC-01-S001", "steady") | {"occurred_at": "yesterday"}
        stranger = lab.device_event("PC-01", "S999", "rebooted")
        results = await lab.report(event, event, odd, stranger)
        assert [result.status for result in results] == ["accepted", "duplicate", "accepted", "accepted"]

        history = (await look(lab)).history
        assert [(line.kind, line.text, line.node_id) for line in history] == [
            ("steady", None, "PC-01"),
            ("rebooted", "it took 9 s", "PC-01"),
        ]
        assert await lab.db.write(lambda tx: health.remove_events(tx, tx.now + 1)) == 2

    in_lab(story)
