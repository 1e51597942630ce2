"""The adb server of a node: started, watched, restarted within limits; a foreign one used and left alone."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from rackhand.agent.adb.binary import Binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import ServerDownError, ServerUnusableError
from rackhand.agent.adb.supervisor import Mode, Periods, ServerState, Supervisor, restart_wait_ms

QUICK = Periods(check_ms=50, answer_ms=300, max_misses=3, stop_ms=3_000, drain_ms=100, restart_gap_ms=0)


class Watch:
    """Collects states and waits for one."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.states: list[ServerState] = []

    def __call__(self, state: ServerState) -> None:
        self.states.append(state)
        self._changed.set()

    async def until(self, is_wanted: Callable[[ServerState], bool]) -> ServerState:
        async with asyncio.timeout(30):
            while True:
                for state in self.states:
                    if is_wanted(state):
                        return state
                self._changed.clear()
                await self._changed.wait()


class Watched:
    """A supervisor that runs inside a `with`, and is ended with it."""

    def __init__(self, port: int, binary: Binary, periods: Periods = QUICK, **options: Any) -> None:
        self.watch = Watch()
        self.adb = Adb(port=port)
        self.supervisor = Supervisor(
            self.adb, binary_path=binary.path, periods=periods, on_change=self.watch, has_usb=False, **options
        )

    async def __aenter__(self) -> "Watched":
        await self.supervisor.start()
        self._task = asyncio.create_task(self.supervisor.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.supervisor.close()

    @property
    def pid(self) -> int:
        pid = self.supervisor.state.pid
        assert pid is not None
        return pid


def test_it_starts_a_server_and_ends_it(port: int, binary: Binary, tmp_path: Path) -> None:
    async def story() -> None:
        async with Watched(port, binary, log_path=tmp_path / "logs" / "adb.log") as watched:
            state = watched.supervisor.state
            assert (state.mode, state.release, state.generation) == (Mode.OWN, binary.release, 1)
            assert await watched.adb.version() == 41
            assert await watched.adb.server_release() == binary.release
            assert await watched.adb.devices() == ()
        assert watched.supervisor.state.mode is Mode.STOPPED
        with pytest.raises(ServerDownError):
            await watched.adb.version()

    asyncio.run(story())


def test_a_killed_server_is_replaced(port: int, binary: Binary) -> None:
    async def story() -> None:
        async with Watched(port, binary) as watched:
            os.kill(watched.pid, signal.SIGTERM)
            state = await watched.watch.until(lambda s: s.generation == 2 and s.restart_count == 1)
            assert state.mode is Mode.OWN
            assert await watched.adb.version() == 41

    asyncio.run(story())


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot freeze a process by signal")
def test_a_frozen_server_is_replaced(port: int, binary: Binary) -> None:
    async def story() -> None:
        async with Watched(port, binary, Periods(check_ms=20, answer_ms=100, stop_ms=200, drain_ms=50)) as watched:
            os.kill(watched.pid, signal.SIGSTOP)
            await watched.watch.until(lambda s: s.mode is Mode.OWN and s.generation == 2)
            assert await watched.adb.version() == 41

    asyncio.run(story())


def test_a_second_node_uses_the_first_ones_server_and_leaves_it_alone(port: int, binary: Binary) -> None:
    async def story() -> None:
        async with Watched(port, binary) as owner:
            async with Watched(port, binary) as guest:
                assert guest.supervisor.state.mode is Mode.FOREIGN
                assert guest.supervisor.state.release == binary.release
                assert guest.supervisor.state.pid is None
            assert await owner.adb.version() == 41

    asyncio.run(story())


def test_when_a_foreign_server_ends_the_guest_starts_its_own(port: int, binary: Binary) -> None:
    async def story() -> None:
        owner = Supervisor(Adb(port=port), binary_path=binary.path, periods=QUICK, has_usb=False)
        await owner.start()
        async with Watched(port, binary) as guest:
            await owner.close()
            state = await guest.watch.until(lambda s: s.mode is Mode.OWN)
            assert state.pid is not None

    asyncio.run(story())


def test_other_tools_cannot_kill_the_server(port: int, binary: Binary) -> None:
    async def story() -> None:
        async with Watched(port, binary) as watched:
            tool = await asyncio.create_subprocess_exec(
                str(binary.path), "-P", str(port), "kill-server", stdout=-3, stderr=-3
            )
            await tool.wait()
            assert await watched.adb.version() == 41

    asyncio.run(story())


def test_the_breaker_halts_a_server_that_keeps_dying_and_says_so(port: int, binary: Binary) -> None:
    async def story() -> None:
        periods = Periods(check_ms=50, answer_ms=300, restart_gap_ms=3_600_000, max_restarts=1)
        async with Watched(port, binary, periods) as watched:
            os.kill(watched.pid, signal.SIGTERM)
            await watched.watch.until(lambda s: s.mode is Mode.OWN and s.generation == 2)
            os.kill(watched.pid, signal.SIGTERM)
            state = await watched.watch.until(lambda s: s.mode is Mode.HALTED)
            assert "1 restarts so far" in state.message
            assert not state.is_usable

    asyncio.run(story())


@pytest.mark.parametrize(
    ("restarts_at", "now", "wait_ms"),
    [
        ([], 0, 0),
        ([0], 10_000, 50_000),
        ([0], 60_000, 0),
        ([0, 60_000, 120_000, 180_000, 240_000], 300_000, 3_300_000),
        ([0, 60_000, 120_000, 180_000, 240_000], 3_600_000, 0),
    ],
)
def test_restarts_are_at_most_one_a_minute_and_five_an_hour(restarts_at: list[int], now: int, wait_ms: int) -> None:
    assert restart_wait_ms(restarts_at, now, Periods()) == wait_ms


def test_a_port_held_by_something_else_names_the_flag(
    peer: Callable[[Any], AbstractAsyncContextManager[Adb]], binary: Binary
) -> None:
    async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def story() -> None:
        async with peer(web_server) as adb:
            with pytest.raises(ServerUnusableError, match="--adb-port"):
                await Supervisor(adb, binary_path=binary.path).start()

    asyncio.run(story())


def script(path: Path, body: str) -> Path:
    """An executable that claims to be adb 36 and does `body` when it is told to serve."""
    path.write_text(f"#!/bin/sh\n[ \"$1\" = version ] && echo 'Version 36.0.0' && exit 0\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.name == "nt", reason="the fake is a shell script")
def test_a_server_that_ends_at_once_is_a_clear_error(port: int, tmp_path: Path) -> None:
    supervisor = Supervisor(
        Adb(port=port), binary_path=script(tmp_path / "adb", "exit 9"), log_path=tmp_path / "adb.log"
    )
    with pytest.raises(ServerUnusableError, match=r"exit code 9; see .*adb\.log"):
        asyncio.run(supervisor.start())


@pytest.mark.skipif(os.name == "nt", reason="the fake is a shell script")
def test_a_server_that_never_answers_is_ended_and_told(port: int, tmp_path: Path) -> None:
    async def story() -> None:
        binary_path = script(tmp_path / "adb", "exec sleep 900")
        supervisor = Supervisor(Adb(port=port), binary_path=binary_path, periods=Periods(start_ms=200))
        with pytest.raises(ServerUnusableError, match="did not answer within 200 ms"):
            await supervisor.start()
        assert supervisor._process is None

    asyncio.run(story())


@pytest.mark.skipif(os.name == "nt", reason="the fake is a shell script")
def test_a_restart_that_fails_is_tried_again(port: int, binary: Binary, tmp_path: Path) -> None:
    async def story() -> None:
        wrapper = script(tmp_path / "adb", f'exec {binary.path} "$@"')
        periods = Periods(check_ms=20, answer_ms=300, restart_gap_ms=0, max_restarts=1000)
        async with Watched(port, Binary(wrapper, "36.0.0"), periods) as watched:
            wrapper.rename(tmp_path / "away")
            os.kill(watched.pid, signal.SIGTERM)
            state = await watched.watch.until(lambda s: s.mode is Mode.DOWN and "not a runnable" in s.message)
            assert state.pid is None
            (tmp_path / "away").rename(wrapper)
            await watched.watch.until(lambda s: s.mode is Mode.OWN and s.generation == 2)
            assert await watched.adb.version() == 41

    asyncio.run(story())


def test_a_log_that_cannot_be_written_is_a_clear_error(port: int, binary: Binary, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    supervisor = Supervisor(Adb(port=port), binary_path=binary.path, log_path=tmp_path / "file" / "adb.log")
    with pytest.raises(ServerUnusableError, match="cannot start"):
        asyncio.run(supervisor.start())


def test_a_binary_that_is_none_is_a_clear_error(port: int, tmp_path: Path) -> None:
    with pytest.raises(ServerUnusableError, match="--adb PATH"):
        asyncio.run(Supervisor(Adb(port=port), binary_path=tmp_path / "adb").start())
