"""Heartbeats: leases listed and renewed, the list of devices only when it says something new, losses told once."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest
from msgspec import UNSET

from rackhand.agent.fake import FAST, make_step


def test_unchanged_devices_are_left_out_and_the_whole_list_comes_now_and_then(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            since = len(r.server.beats)
            await r.server.until(lambda: len([b for b in r.server.beats[since:] if b.devices is not UNSET]) >= 2)

            assert any(beat.devices is UNSET for beat in r.server.beats[since:])

    asyncio.run(story())


def test_after_a_silence_the_whole_list_comes_at_once(rack: Any) -> None:
    async def story() -> None:
        periods = replace(FAST, full_beat_ms=60_000)
        async with rack(periods=periods) as r:
            await r.server.until(lambda: r.server.beats[-1].devices is UNSET)
            r.server.answer_status = 503
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 6)
            since = len(r.server.beats)
            r.server.answer_status = 0
            await r.server.until(lambda: len(r.server.beats) > since)

            assert r.server.beats[since].devices is not UNSET

    asyncio.run(story())


def test_a_lease_is_listed_while_it_runs_and_until_its_end_is_delivered(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            hold = "echo x; while [ ! -f /sdcard/go ]; do sleep 0.02; done"
            step = make_step("shell", params={"command": hold}, timeout_ms=60_000)
            job = r.server.give("SIM00001", step)
            await r.server.until(lambda: r.server.beats[-1].leases == [job.lease.token])
            r.device().files.write("/sdcard/go", b"")
            await r.server.finished(job)

            await r.server.until(lambda: r.server.beats[-1].leases == [])

    asyncio.run(story())


def test_a_lease_shorter_than_the_step_is_kept_alive_by_beats(rack: Any) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.ttl_ms = 2_000
            beats = len(r.server.beats)
            hold = "while [ ! -f /sdcard/go ]; do sleep 0.02; done"
            step = make_step("shell", params={"command": hold}, timeout_ms=60_000)
            job = r.server.give("SIM00001", step, policy={"grace_wait_ms": 500})
            await r.server.until(lambda: len(r.server.beats) > beats + 30)
            r.device().files.write("/sdcard/go", b"")

            assert (await r.server.finished(job)).status == "succeeded"
            assert r.server.steps(job) == [(0, 1, "succeeded")]

    asyncio.run(story())


def test_a_change_does_not_wait_for_the_next_beat(rack: Any) -> None:
    async def story() -> None:
        periods = replace(FAST, beat_ms=60_000, full_beat_ms=60_000)
        async with rack(devices=2, periods=periods) as r:
            r.fleet.fault(1, "unauthorized")

            await r.server.until(lambda: any(d.health == "unauthorized" for d in r.server.beats[-1].devices or ()))

    asyncio.run(story())


def test_a_loss_of_contact_is_logged_once(rack: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with rack() as r:
            r.server.answer_status = 401
            asked = len(r.server.requests)
            await r.server.until(lambda: len(r.server.requests) > asked + 12)

    with caplog.at_level(logging.INFO, "rackhand.agent.heartbeat"):
        asyncio.run(story())
    losses = [record for record in caplog.records if "no heartbeat" in record.message]
    assert len(losses) == 1
    assert "rotate its token" in losses[0].message
