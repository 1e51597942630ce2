"""`rackhand users`: one-time links, the way in for who owns the database. Everything else of people is in the pages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rackhand.cli.db import Config, Data, Url, ask, load, look
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, new_app
from rackhand.cli.outcome import put_json, reported, say

if TYPE_CHECKING:
    from rackhand.store.db import Database

app = new_app("People: one-time links to log in with, made in the database on this machine.")


@app.callback()
def _root() -> None:
    """A group, also while it has one command."""


@app.command("link")
def link(
    name: Annotated[str | None, typer.Argument(help="Whom it logs in (admin, who is made if need be)")] = None,
    data: Data = None,
    database_url: Url = None,
    config: Config = None,
    server: ServerOption = DEFAULT_SERVER,
    is_json: JsonOption = False,
) -> None:
    """Print a link that logs somebody in without a password, once, for 24 hours. --server is the address in it."""
    with reported():
        url = f"{server.rstrip('/')}/login/{_make(data, database_url, config, name)}"
    if is_json:
        put_json({"url": url})
    else:
        say("Works once, for 24 hours:")
        print(url)


def _make(data: Path | None, database_url: str | None, config: Path | None, name: str | None) -> str:
    from rackhand.core.errors import Conflict
    from rackhand.engine import login_links

    settings = load(data, database_url, config)
    if not look(settings).is_current:
        raise Conflict("the database has another schema; nothing was changed: run rackhand db upgrade first")

    async def question(database: "Database") -> str:
        return await database.write(login_links.make_link, name)

    return ask(settings, question)
