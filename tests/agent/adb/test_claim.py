"""An adb server outlives a killed agent: the next one knows it as its own, and touches nobody else's process."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rackhand.agent.adb.binary import Binary
from rackhand.agent.adb.claim import Claim, describe
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import ServerDownError
from rackhand.agent.adb.supervisor import Mode, Periods, Supervisor

QUICK = Periods(check_ms=50, answer_ms=300, examine_ms=500, stop_ms=3_000, drain_ms=100, restart_gap_ms=0)


def owner(port: int, binary: Binary, claim: Path) -> Supervisor:
    return Supervisor(Adb(port=port), binary_path=binary.path, claim_path=claim, periods=QUICK, has_usb=False)


def test_the_next_life_takes_its_server_up_and_ends_it(port: int, binary: Binary, tmp_path: Path) -> None:
    async def story() -> None:
        claim = tmp_path / "adb.json"
        first = await owner(port, binary, claim).start()  # killed: nobody closes it
        second = owner(port, binary, claim)
        state = await second.start()
        assert (state.mode, state.pid, state.release) == (Mode.OWN, first.pid, binary.release)

        await second.close()
        with pytest.raises(ServerDownError):
            await Adb(port=port).version()
        assert not claim.exists()

    asyncio.run(story())


def test_a_server_taken_up_is_replaced_when_it_dies(port: int, binary: Binary, tmp_path: Path) -> None:
    async def story() -> None:
        first = await owner(port, binary, tmp_path / "adb.json").start()
        assert first.pid is not None
        second = owner(port, binary, tmp_path / "adb.json")
        is_replaced = asyncio.Event()
        second._on_change = lambda state: is_replaced.set() if state.restart_count else None
        await second.start()
        watching = asyncio.create_task(second.run())
        os.kill(first.pid, signal.SIGTERM)
        async with asyncio.timeout(30):
            await is_replaced.wait()
        assert second.state.mode is Mode.OWN
        assert second.state.pid != first.pid
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await second.close()

    asyncio.run(story())


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot freeze a process by signal")
def test_a_server_of_ours_that_is_mute_is_ended_and_replaced(port: int, binary: Binary, tmp_path: Path) -> None:
    async def story() -> None:
        first = await owner(port, binary, tmp_path / "adb.json").start()
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        second = owner(port, binary, tmp_path / "adb.json")
        second._periods = Periods(examine_ms=1_000, stop_ms=1_000)
        state = await second.start()
        assert state.mode is Mode.OWN
        assert state.pid != first.pid
        await second.close()

    asyncio.run(story())


def test_somebody_elses_server_stays_theirs(port: int, binary: Binary, tmp_path: Path) -> None:
    async def story() -> None:
        first = owner(port, binary, tmp_path / "theirs.json")
        await first.start()
        guest = owner(port, binary, tmp_path / "ours.json")
        assert (await guest.start()).mode is Mode.FOREIGN
        await guest.close()
        assert await Adb(port=port).version() == 41
        await first.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "changes", [{"port": 1}, {"process": "other"}, {"process": ""}, {"pid": 2**22 + 1}], ids=lambda c: str(c)
)
def test_a_note_that_does_not_fit_is_not_believed(changes: dict[str, Any], tmp_path: Path) -> None:
    async def story() -> None:
        claim = Claim(tmp_path / "adb.json")
        await claim.note(os.getpid(), 5037)
        heir = await claim.heir(5037)
        assert heir is not None
        assert heir.pid == os.getpid()

        note = msgspec.json.decode((tmp_path / "adb.json").read_bytes()) | changes
        (tmp_path / "adb.json").write_bytes(msgspec.json.encode(note))
        assert await claim.heir(5037) is None
        (tmp_path / "adb.json").write_bytes(b"garbage")
        assert await claim.heir(5037) is None

    asyncio.run(story())


def test_an_ended_process_is_nobody() -> None:
    async def story() -> None:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
        assert await describe(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        await child.wait()
        assert await describe(child.pid) == ""

    asyncio.run(story())


def test_without_a_place_nothing_is_remembered() -> None:
    async def story() -> None:
        await Claim(None).note(os.getpid(), 5037)
        assert await Claim(None).heir(5037) is None
        Claim(None).drop()

    asyncio.run(story())
