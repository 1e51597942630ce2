"""The medic: what it does about an ill device, when it keeps its hands off, and what it remembers."""

import asyncio
from typing import Any

from rackhand.agent.fake import make_step
from rackhand.core.health import Rules

QUICK = Rules(
    steady_ms=300,
    probation_probes=3,
    before_probe_ms=50,
    before_reconnect_ms=50,
    before_reboot_ms=50,
    before_quarantine_ms=100,
    boot_ms=100,
)


def latest(r: Any) -> Any:
    """The device as the last list has it."""
    return next(beat.devices for beat in reversed(r.server.beats) if beat.devices)[0]


def kinds(r: Any) -> list[str]:
    return [told.kind for told in r.server.of("device_event")]


def test_a_frozen_device_climbs_to_quarantine_which_outlives_a_restart(rack: Any) -> None:
    async def story() -> None:
        async with rack(rules=QUICK) as r:
            r.fleet.fault(1, "freeze")
            await r.server.until(lambda: latest(r).health == "quarantined")
            care = latest(r).care
            assert (care.rung, care.next_rung, care.probation_probes) == ("reboot", None, 3)
            assert care.reason == "it did not come back, even after a reboot"
            await r.server.until(lambda: kinds(r) == ["probed", "reconnected", "rebooted", "quarantined"])

            await r.stop()
            r.fleet.clear(1)
            await r.start(rules=Rules(probation_probes=1_000_000))
            await r.server.until(lambda: latest(r).care is not None)
            assert (latest(r).health, latest(r).online) == ("quarantined", True)

            await r.stop()
            await r.start(rules=QUICK)
            await r.server.until(lambda: latest(r).health == "ok")
            await r.server.until(lambda: kinds(r)[-1] == "released")

    asyncio.run(story())


def test_a_quarantine_that_people_end_is_over_at_once(rack: Any) -> None:
    async def story() -> None:
        rules = Rules(probation_probes=1_000_000, before_reconnect_ms=50, before_quarantine_ms=50, steady_ms=300)
        async with rack(rules=rules) as r:
            r.fleet.fault(1, "refuse")
            await r.server.until(lambda: latest(r).health == "quarantined")
            assert latest(r).care.reason == "it did not come back after a reconnect"
            r.fleet.clear(1)
            await r.server.until(lambda: latest(r).online)

            r.server.pardons.append("SIM00001")
            await r.server.until(lambda: latest(r).health == "ok")

    asyncio.run(story())


def test_a_leased_device_is_left_to_its_run(rack: Any) -> None:
    async def story() -> None:
        async with rack(rules=QUICK) as r:
            job = r.server.give("SIM00001", make_step("shell", params={"command": "sleep 600"}))
            await r.server.until(lambda: r.server.of("task_started"))
            r.fleet.fault(1, "freeze")
            await r.server.until(lambda: latest(r).care.hold == "lease")
            assert kinds(r) == []

            r.server.cancel(job.lease.token)
            await r.server.until(lambda: "probed" in kinds(r))

    asyncio.run(story())


def test_a_reboot_on_purpose_is_no_flapping(rack: Any) -> None:
    async def story() -> None:
        rules = Rules(flap_changes=1)
        async with rack(rules=rules) as r:
            job = r.server.give("SIM00001", *(make_step("reboot", timeout_ms=20_000) for _ in range(2)))
            assert (await r.server.finished(job)).status == "succeeded"
            await r.server.until(lambda: latest(r).online)
            assert kinds(r) == []

    asyncio.run(story())


def test_devices_that_go_with_their_hub_are_one_incident(rack: Any) -> None:
    async def story() -> None:
        async with rack(devices=3, rules=QUICK) as r:
            r.fleet.drop_hub(1, ms=120_000)
            await r.server.until(lambda: r.server.beats[-1].incidents)
            (incident,) = r.server.beats[-1].incidents
            assert (incident.hub, incident.total, len(incident.serials)) == ("1-1", 3, 3)
            assert kinds(r) == []

    asyncio.run(story())
