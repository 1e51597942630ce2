"""`rackhand worker`: background jobs in processes of their own."""

import os
from pathlib import Path
from typing import Annotated

import typer

from rackhand.cli.outcome import Exit, fail, reported


def worker(
    data: Annotated[Path | None, typer.Option(help="Folder of files and artifacts (rackhand-data)")] = None,
    database_url: Annotated[str | None, typer.Option("--database-url", help="postgresql://...")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings")] = None,
) -> None:
    """Do background jobs, beside any number of servers and other workers on the same PostgreSQL. Prints `Ready worker`
    once it waits for work."""
    import asyncio

    from rackhand.server import logs, settings
    from rackhand.server.worker import work

    try:
        loaded = settings.load({"data": data, "database_url": database_url}, os.environ, config)
    except settings.SettingError as error:
        fail(str(error), Exit.USAGE)
    logs.set_up_logging(loaded.log_format)
    with reported():
        asyncio.run(work(loaded, lambda: print("Ready worker", flush=True)))
