"""The journal keeps, forgets and can be waited for."""

import asyncio

import pytest

from rackhand.sim.journal import Journal


def test_the_journal_forgets_the_oldest_and_knows_its_kinds() -> None:
    journal = Journal("S", lambda: 1, limit=10)
    for number in range(25):
        journal.add("command", text=f"echo $$\nrun {number}")
    assert len(journal.entries) <= 10
    assert journal.commands()[-1] == "run 24"
    assert journal.last_seq == 25
    with pytest.raises(ValueError, match="unknown journal kind"):
        journal.add("gossip")


def test_waiting_for_an_event() -> None:
    async def story() -> None:
        journal = Journal("S", lambda: 1)
        waiting = asyncio.create_task(journal.wait_for("exit", rc=3))
        await asyncio.sleep(0)
        journal.add("exit", rc=1)
        journal.add("exit", rc=3)
        assert (await waiting).seq == 2
        with pytest.raises(TimeoutError):
            await journal.wait_for("exit", 0.01, after=2)

    asyncio.run(story())
