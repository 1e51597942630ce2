"""Processes, groups and signals of a device."""

import asyncio

import pytest

from rackhand.sim.process import Process, ProcessTable, parse_signal


async def idle(_: Process) -> int:
    await asyncio.sleep(900)
    return 0


def table() -> ProcessTable:
    def on_crash(text: str) -> None:
        raise AssertionError(text)

    return ProcessTable(lambda: 0, on_crash)


def test_a_group_dies_together_and_orphans_go_to_init() -> None:
    async def story() -> None:
        processes = table()
        leader = processes.spawn("sh -c x", idle)
        child = processes.spawn("sleep 900", idle, parent=leader)
        other = processes.spawn("sh", idle)
        assert (child.pgid, child.ppid, other.pgid) == (leader.pid, leader.pid, other.pid)
        assert processes.kill(leader.pid, 1) == [leader.pid]
        assert await leader.wait() == 129
        assert child.ppid == 1
        assert processes.kill(-leader.pid, 9) == [child.pid]
        assert await child.wait() == 137
        assert processes.kill(-leader.pid, 9) == []
        assert list(processes.live) == [other.pid]
        await processes.stop()
        assert processes.live == {}

    asyncio.run(story())


def test_ignored_signals_are_inherited_but_nothing_ignores_kill() -> None:
    async def story() -> None:
        processes = table()
        leader = processes.spawn("sh", idle)
        leader.ignored.add(1)
        child = processes.spawn("sleep", idle, parent=leader)
        processes.kill(-leader.pid, 1)
        processes.kill(-leader.pid, 0)
        assert set(processes.live) == {leader.pid, child.pid}
        processes.kill(-leader.pid, 9)
        assert (await leader.wait(), await child.wait()) == (137, 137)

    asyncio.run(story())


@pytest.mark.parametrize(("text", "number"), [("9", 9), ("KILL", 9), ("sigterm", 15), ("99", None), ("FOO", None)])
def test_signals_have_names(text: str, number: int | None) -> None:
    assert parse_signal(text) == number
