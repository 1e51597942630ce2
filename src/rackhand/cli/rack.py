"""Simulated devices that run until a signal comes; their first words tell where everything is."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rackhand.agent.adb.process import raise_file_limit
from rackhand.agent.main import stop_on_signals
from rackhand.cli.outcome import put_json, say
from rackhand.sim.control import Control
from rackhand.sim.device import LIVELY
from rackhand.sim.fleet import Fleet
from rackhand.sim.scenario import load_scenario


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `rackhand sim` was asked for."""

    devices: int
    front: str
    adb_port: int
    scenario: str
    seed: int
    nodes: int
    journal: Path | None
    first: int = 1


async def run_rack(wanted: Wanted) -> None:
    """Until SIGINT or SIGTERM. The first line of stdout is `{control, server_ports, groups}`."""
    raise_file_limit()
    stop = asyncio.Event()
    with stop_on_signals(stop):
        async with _make_fleet(wanted) as fleet:
            control = Control(fleet)
            await control.start()
            try:
                put_json(_addresses(fleet, control))
                say(f"{wanted.devices} simulated devices are up; Ctrl-C ends them")
                await stop.wait()
            finally:
                await control.stop()


def _make_fleet(wanted: Wanted) -> Fleet:
    return Fleet(
        wanted.devices,
        front="transport" if wanted.front == "transport" else "server",
        nodes=wanted.nodes,
        seed=wanted.seed,
        profile=LIVELY,
        server_port=wanted.adb_port,
        journal_path=wanted.journal,
        first_index=wanted.first,
        scenario=load_scenario(wanted.scenario, wanted.devices),
    )


def _addresses(fleet: Fleet, control: Control) -> dict[str, Any]:
    """`groups`: the handles of each node's devices; on the front transport these are what to `adb connect`."""
    return {
        "control": f"http://127.0.0.1:{control.port}",
        "server_ports": fleet.server_ports,
        "groups": [[fleet.handle(device.index) for device in group] for group in fleet.groups],
    }
