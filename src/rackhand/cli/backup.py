"""`rackhand backup` and `rackhand restore`: everything into one file, and back, whichever database it is."""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rackhand.cli.db import Config, Data, Url, load
from rackhand.cli.options import JsonOption
from rackhand.cli.outcome import put_json, reported, say
from rackhand.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rackhand.server.settings import Settings
    from rackhand.store.backup import Place, Report

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, a tar file", show_default=False)]
SHOWN_NAMES = 5


def backup(
    file: BackupFile,
    data: Data = None,
    database_url: Url = None,
    config: Config = None,
    is_json: JsonOption = False,
) -> None:
    """Write database, files and artifacts into one new FILE, while servers run. It holds what the server holds: keep it
    as safe."""
    with reported():
        report = _do(load(data, database_url, config), lambda place: _write(place, file))
    _tell(f"Wrote {file}", report, is_json)


def restore(
    file: BackupFile,
    data: Data = None,
    database_url: Url = None,
    config: Config = None,
    is_json: JsonOption = False,
) -> None:
    """Read a backup into an empty database and its storage; the kind of database may be another one. Stop the servers
    first."""
    with reported():
        settings = load(data, database_url, config)
        settings.data.mkdir(parents=True, exist_ok=True)
        report = _do(settings, lambda place: _restore(place, file))
    _tell(f"Restored {file}", report, is_json)


async def _write(place: "Place", file: Path) -> "Report":
    from rackhand.store import backup as backups

    with progress("backup", await place.db.read(backups.total)) as show:
        return await backups.write(place, file, show)


async def _restore(place: "Place", file: Path) -> "Report":
    from rackhand.store import backup as backups

    with progress("restore", backups.total_of(file)) as show:
        return await backups.restore(place, file, show)


def _do(settings: "Settings", act: "Callable[[Place], Awaitable[Report]]") -> "Report":
    import asyncio

    async def story() -> "Report":
        async with open_place(settings) as place:
            return await act(place)

    return asyncio.run(story())


@asynccontextmanager
async def open_place(settings: "Settings") -> "AsyncIterator[Place]":
    """Database and storage as the server has them."""
    from rackhand.store.backup import Place
    from rackhand.store.connect import make_blobs, make_database

    database = make_database(
        settings.database_url or None, settings.data, statement_cache=settings.statement_cache, pool_size=2
    )
    files, artifacts = (make_blobs(settings.storage_url, settings.data, kind) for kind in ("files", "artifacts"))
    await database.start()
    try:
        yield Place(database, files, artifacts)
    finally:
        await database.close()


def _tell(what: str, report: "Report", is_json: bool) -> None:
    if is_json:
        put_json({name: getattr(report, name) for name in ("rows", "contents", "gone", "damaged")})
    else:
        print(f"{what}: {report.rows} rows, {report.contents} contents.")
    for words, names in (("were gone when they were read", report.gone), ("have another sha256", report.damaged)):
        if names:
            say(f"{len(names)} contents {words}: {', '.join(names[:SHOWN_NAMES])}{' ...' * (len(names) > SHOWN_NAMES)}")
