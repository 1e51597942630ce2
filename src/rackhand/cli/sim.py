"""`rackhand sim`: simulated devices alone."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rackhand.cli.outcome import put_json, reported, say

if TYPE_CHECKING:
    from rackhand.sim.fleet import Fleet


def sim(
    devices: Annotated[int, typer.Option(help="How many devices", min=1, max=2000)],
    front: Annotated[
        str, typer.Option(help="transport: for a real adb server; server: an adb server itself")
    ] = "server",
    adb_port: Annotated[int, typer.Option(help="Port of the simulated adb server; 0 picks a free one")] = 0,
    scenario: Annotated[str, typer.Option(help="default, none, or a TOML file")] = "none",
    seed: Annotated[int, typer.Option(help="Of everything that is random")] = 1,
    nodes: Annotated[int, typer.Option(help="Simulated adb servers to spread the devices over", min=1)] = 1,
    journal: Annotated[Path | None, typer.Option(help="JSON-lines file of everything the devices were told")] = None,
) -> None:
    """Run simulated devices. The first line of stdout is JSON: endpoints, adb server ports, control port."""
    with reported():
        asyncio.run(_sim(devices, front, adb_port, scenario, seed, nodes, journal))


async def _sim(
    devices: int, front: str, adb_port: int, scenario: str, seed: int, nodes: int, journal: Path | None
) -> None:
    from rackhand.agent.main import stop_on_signals
    from rackhand.sim.device import LIVELY
    from rackhand.sim.fleet import Fleet
    from rackhand.sim.scenario import load_scenario

    if front not in ("transport", "server"):
        raise ValueError("--front must be transport or server")
    fleet = Fleet(
        devices,
        front="transport" if front == "transport" else "server",
        nodes=nodes,
        seed=seed,
        profile=LIVELY,
        server_port=adb_port,
        journal_path=journal,
        scenario=load_scenario(scenario, devices),
    )
    stop = asyncio.Event()
    with stop_on_signals(stop):
        await _run(fleet, front, stop)


async def _run(fleet: "Fleet", front: str, stop: asyncio.Event) -> None:
    from rackhand.sim.control import Control

    async with fleet:
        control = Control(fleet)
        await control.start()
        try:
            put_json(
                {
                    "control": f"http://127.0.0.1:{control.port}",
                    "server_ports": list(fleet.server_ports) if front == "server" else [],
                    "groups": [[fleet.handle(device.index) for device in group] for group in fleet.groups],
                }
            )
            say(f"{len(fleet.devices)} simulated devices are up; Ctrl-C ends them")
            await stop.wait()
        finally:
            await control.stop()
