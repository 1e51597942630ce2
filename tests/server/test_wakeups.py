"""Wake-ups of long polls: none is missed, nobody else wakes, and closing ends all."""

import asyncio

from rackhand.server.wakeups import Wakeups

LONG_S = 60.0


def test_a_wake_up_between_look_and_wait_is_not_missed() -> None:
    async def story() -> None:
        hub = Wakeups()
        with hub.ticket("PC-01") as ticket:
            hub.wake("PC-01")
            assert await ticket.wait(LONG_S)
            assert not await ticket.wait(0)

    asyncio.run(story())


def test_every_poll_of_the_node_wakes_and_no_other() -> None:
    async def story() -> None:
        hub = Wakeups()
        with hub.ticket("PC-01") as one, hub.ticket("PC-01") as two, hub.ticket("PC-02") as other:
            hub.wake_all(["PC-01", "PC-01", "PC-09"])
            assert await one.wait(LONG_S)
            assert await two.wait(LONG_S)
            assert not await other.wait(0)

    asyncio.run(story())


def test_closing_ends_the_waiting_of_now_and_of_later() -> None:
    async def story() -> None:
        hub = Wakeups()
        waiting = asyncio.create_task(hub.wait("PC-01", LONG_S))
        await asyncio.sleep(0)
        hub.close()
        assert await waiting
        assert await hub.wait("PC-02", LONG_S)
        assert hub.is_closed

    asyncio.run(story())


def test_a_wait_ends_by_itself() -> None:
    assert not asyncio.run(Wakeups().wait("PC-01", 0))
