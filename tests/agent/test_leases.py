"""Leases on the monotonic clock: live, out of contact, live again, cancelled for ever."""

import asyncio

from rackhand.agent.leases import Leases, Standing
from rackhand.agent.servertime import monotonic_ms


def test_a_lease_is_live_for_its_time_and_the_grace() -> None:
    leases = Leases()
    leases.hold("t", ttl_ms=1_000, grace_ms=1_000, asked_at=monotonic_ms() - 1_500)
    assert leases.standing("t") is Standing.LIVE

    leases.hold("t", ttl_ms=1_000, grace_ms=1_000, asked_at=monotonic_ms() - 2_500)
    assert leases.standing("t") is Standing.OUT_OF_CONTACT


def test_a_renewal_makes_it_live_again_and_never_shortens_it() -> None:
    leases = Leases()
    leases.restore("t", grace_ms=0)
    assert leases.standing("t") is Standing.OUT_OF_CONTACT

    leases.renew("t", 60_000, monotonic_ms())
    leases.renew("t", 1, monotonic_ms() - 1_000)
    assert leases.standing("t") is Standing.LIVE


def test_cancelled_is_for_ever_and_unknown_is_cancelled() -> None:
    leases = Leases()
    leases.hold("t", 60_000, 0)
    leases.cancel(["t", "unknown"])
    leases.renew("t", 60_000, monotonic_ms())

    assert leases.standing("t") is Standing.CANCELLED
    assert leases.standing("unknown") is Standing.CANCELLED


def test_waiters_are_woken_by_what_they_wait_for() -> None:
    async def story() -> None:
        leases = Leases()
        leases.hold("t", 60_000, 0)
        waiter = asyncio.create_task(leases.until_not_live("t"))
        await asyncio.sleep(0)
        leases.cancel(["t"])
        assert await waiter is Standing.CANCELLED
        await leases.until_cancelled("t")

        leases.restore("u", 0)
        admitted = asyncio.create_task(leases.admit("u"))
        await asyncio.sleep(0)
        leases.renew("u", 60_000, monotonic_ms())
        assert await admitted

        leases.restore("v", 0)
        refused = asyncio.create_task(leases.admit("v"))
        await asyncio.sleep(0)
        leases.forget("v")
        assert not await refused

    asyncio.run(story())


def test_it_runs_out_by_itself() -> None:
    async def story() -> None:
        leases = Leases()
        leases.hold("t", 20, 20)

        assert await leases.until_not_live("t") is Standing.OUT_OF_CONTACT

    asyncio.run(story())
