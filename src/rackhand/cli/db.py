"""`rackhand db`: bring the schema of the database up to date, say whether it is, or copy all rows into another."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from rackhand.cli.options import JsonOption, new_app
from rackhand.cli.outcome import Exit, put_json, reported
from rackhand.cli.progress import progress

if TYPE_CHECKING:
    from rackhand.server.settings import Settings
    from rackhand.store.db import Database
    from rackhand.store.schema import SchemaState

Answer = TypeVar("Answer")
app = new_app("The database: upgrade or check its schema, copy it.")
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the server (rackhand-data)")]
Url = Annotated[str | None, typer.Option("--database-url", help="postgresql://... or sqlite:///PATH")]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file of settings")]


@app.command("upgrade")
def upgrade(data: Data = None, database_url: Url = None, config: Config = None, is_json: JsonOption = False) -> None:
    """Run the missing migrations, in one transaction. `rackhand serve` does so at its start, too."""
    with reported():
        from rackhand.store import schema

        settings = load(data, database_url, config)
        settings.data.mkdir(parents=True, exist_ok=True)
        state = ask(settings, schema.upgrade)
    _tell(state, is_json)


@app.command("check")
def check(data: Data = None, database_url: Url = None, config: Config = None, is_json: JsonOption = False) -> None:
    """Say whether the schema is the one that this program needs. Exit code 1 if not; changes nothing."""
    with reported():
        state = look(load(data, database_url, config))
    _tell(state, is_json)
    raise SystemExit(int(Exit.SUCCEEDED if state.is_current else Exit.NOT_SUCCEEDED))


@app.command("copy")
def copy(
    target_url: Annotated[str, typer.Argument(metavar="TARGET_URL", help="postgresql://..., an empty database")],
    data: Data = None,
    database_url: Url = None,
    config: Config = None,
    is_json: JsonOption = False,
) -> None:
    """Copy every row of the SQLite database into an empty PostgreSQL, all or nothing, and compare them. Stop the server
    first; afterwards set RACKHAND_DATABASE_URL to TARGET_URL. Files and artifacts stay where they are."""
    with reported():
        copied = _copy(load(data, database_url, config), target_url)
    if is_json:
        put_json(copied)
    else:
        for name, (rows, checksum) in copied.items():
            print(f"{name:<24} {rows:>10}  {checksum}")
        print("All rows were copied, and their checksums are equal.")


def _copy(settings: "Settings", target_url: str) -> dict[str, tuple[int, str]]:
    """Rows and checksum by table."""
    import asyncio

    from rackhand.core.errors import Conflict
    from rackhand.store import copying
    from rackhand.store.connect import make_database
    from rackhand.store.db_sqlite import SqliteDatabase, opened

    source = make_database(settings.database_url or None, settings.data)
    if not isinstance(source, SqliteDatabase):
        raise ValueError("the source is no SQLite database: rackhand backup and restore copy any kind into any other")
    if not look(settings).is_current:
        raise Conflict("the source has an older schema; nothing was copied: run rackhand db upgrade on it first")
    with opened(source.path) as tx:
        copying.require_stopped(tx)
        total = copying.count(tx)

    async def story() -> copying.Sums:
        target = make_database(target_url, settings.data, statement_cache=settings.statement_cache, pool_size=2)
        await target.start()
        try:
            with progress("rows", total) as show:
                return await copying.from_file(source.path, target, show)
        finally:
            await target.close()

    sums = asyncio.run(story())
    return {name: (each.rows, f"{each.checksum:032x}") for name, each in sums.items()}


def load(data: Path | None, database_url: str | None, config: Path | None) -> "Settings":
    """The server's settings, from the same places as `rackhand serve`; SettingError says what is wrong with one."""
    from rackhand.server import settings

    return settings.load({"data": data, "database_url": database_url}, os.environ, config)


def ask(settings: "Settings", question: "Callable[[Database], Awaitable[Answer]]") -> Answer:
    """Open the database, ask, close it. Unreachable if it does not answer."""
    import asyncio

    from rackhand.store.connect import make_database

    async def story() -> Answer:
        database = make_database(
            settings.database_url or None, settings.data, statement_cache=settings.statement_cache, pool_size=2
        )
        await database.start()
        try:
            return await question(database)
        finally:
            await database.close()

    return asyncio.run(story())


def look(settings: "Settings") -> "SchemaState":
    """The state of the schema; a SQLite file that is not there yet is not made by looking."""
    from rackhand.core.errors import Conflict
    from rackhand.store import schema
    from rackhand.store.connect import FILE_NAME

    file = settings.data / FILE_NAME
    if not settings.database_url and not file.exists():
        raise Conflict("there is no database {file} yet: rackhand serve or rackhand db upgrade makes it", file=file)
    return ask(settings, schema.check)


def _tell(state: "SchemaState", is_json: bool) -> None:
    if is_json:
        put_json({"current": state.current, "needed": state.head, "is_current": state.is_current})
    elif state.is_current:
        print(f"The schema is {state.current}: up to date.")
    else:
        print(f"The schema is {state.current or 'empty'}, needed is {state.head}: run rackhand db upgrade.")
