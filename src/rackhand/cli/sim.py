"""`rackhand sim`: simulated devices alone."""

from pathlib import Path
from typing import Annotated

import typer

from rackhand.cli.outcome import Exit, fail, reported


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
    first: Annotated[int, typer.Option(help="Number of the first device, for several simulations", min=1)] = 1,
) -> None:
    """Run simulated devices. The first line of stdout is JSON: endpoints, adb server ports, control port."""
    import asyncio

    from rackhand.cli.rack import Wanted, run_rack

    if front not in ("transport", "server"):
        fail("--front must be transport or server", Exit.USAGE)
    with reported():
        asyncio.run(run_rack(Wanted(devices, front, adb_port, scenario, seed, nodes, journal, first)))
