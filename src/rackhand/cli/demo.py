"""`rackhand demo`: the whole product with simulated devices. Flags only; the story is in `story`."""

from pathlib import Path
from typing import Annotated

import typer

from rackhand.cli.outcome import Exit, reported


def demo(
    devices: Annotated[int, typer.Option(min=1, max=2000, help="How many simulated devices")] = 20,
    nodes: Annotated[int, typer.Option(min=1, max=99, help="How many nodes")] = 2,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the server, or the next free one")] = 8765,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Devices of the run at once, per node")] = 1,
    data: Annotated[Path | None, typer.Option(help="Folder to keep (default: a temporary one)")] = None,
    front: Annotated[str, typer.Option(help="transport: through a real adb server; server: without any")] = "",
    is_once: Annotated[bool, typer.Option("--once", help="End after the run")] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Last line of stdout: the run as JSON")] = False,
    scenario: Annotated[str, typer.Option(help="default, none, or a TOML file")] = "default",
    seed: Annotated[int | None, typer.Option(min=0, help="Of the devices and of the run's dice")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="Policy of the run, such as grace_wait_ms=2000")] = None,
) -> None:
    """Start server, nodes and simulated devices, run a health sweep on all of them, and keep serving.

    With --once, exit code 0 says that the run ended as the scenario announces: by default all succeed but one that is
    skipped_offline and one that is failed. A scenario of your own announces nothing: any end is right.
    """
    from rackhand.cli import story
    from rackhand.cli.pairs import read_policy
    from rackhand.cli.stage import Cast

    with reported(), story.ended_by_signals(), story.kept_or_temporary(data) as folder:
        if nodes > devices:
            raise ValueError(f"--nodes {nodes} is more than --devices {devices}; nothing was started")
        wish = story.Wish(read_policy(policy or [], concurrency), seed, is_once, is_json)
        names = (story.choose_front(front), story.choose_scenario(scenario, devices))
        cast = Cast(devices, nodes, *names, 1 if seed is None else seed, story.choose_port(port), folder)
        is_right = story.play(cast, wish)
    raise SystemExit(int(Exit.SUCCEEDED if is_right else Exit.NOT_SUCCEEDED))
