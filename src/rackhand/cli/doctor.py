"""`rackhand doctor`: what is wrong on this machine, and what to do. The checks are in `checks`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption
from rackhand.cli.outcome import Exit, put_json, reported


def doctor(
    data: Annotated[Path | None, typer.Option(help="Folder of the server (rackhand-data)")] = None,
    adb_port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the adb server")] = 5037,
    adb: Annotated[Path | None, typer.Option(help="The adb binary (default: on PATH, or bundled)")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Check this machine: adb, folders, database, server, clock, ports. Exit code 1 if something fails."""
    from rackhand.cli import checks
    from rackhand.cli.db import load
    from rackhand.cli.finding import Level, Place

    with reported():
        place = Place(
            settings=load(data, None, config),
            adb_port=adb_port,
            adb=adb,
            server=server,
            token=token or os.environ.get("RACKHAND_BOOTSTRAP_TOKEN", ""),
            is_server_wanted=server != DEFAULT_SERVER,
        )
        found = checks.examine(place)
    if is_json:
        put_json([finding.as_json() for finding in found])
    else:
        for finding in found:
            print(finding.as_text())
    has_failed = any(finding.level is Level.FAIL for finding in found)
    raise SystemExit(int(Exit.NOT_SUCCEEDED if has_failed else Exit.SUCCEEDED))
