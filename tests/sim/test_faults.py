"""Every fault is documented, checked and switched as one set."""

import asyncio

import pytest

from rackhand.sim.faults import FAULTS, FaultSet, UnknownFault


def test_every_fault_is_documented_and_can_be_switched() -> None:
    faults = FaultSet()
    for name, kind in FAULTS.items():
        assert len(kind.help) > 20
        faults.set(name)
        assert faults.is_on(name) is not kind.pulse
    faults.clear()
    assert faults.active() == {}


@pytest.mark.parametrize("params", [{"name": "nonsense"}, {"name": "slow", "sec": 1}, {"name": "slow", "ms": True}])
def test_an_unknown_fault_changes_nothing(params: dict[str, int | str]) -> None:
    faults = FaultSet()
    name = str(params.pop("name"))
    with pytest.raises(UnknownFault, match="fault"):
        faults.set(name, **params)
    assert faults.active() == {}


def test_waiting_for_the_end_of_a_fault() -> None:
    async def story() -> None:
        faults = FaultSet()
        await faults.until_off("mute")
        faults.set("mute")
        faults.set("freeze")
        waiting = asyncio.create_task(faults.until_off("mute", "freeze"))
        await asyncio.sleep(0)
        faults.clear("mute")
        await asyncio.sleep(0)
        assert not waiting.done()
        faults.clear()
        await waiting

    asyncio.run(story())
