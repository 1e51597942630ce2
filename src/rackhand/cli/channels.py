"""`rackhand channels`: channels whose new videos are listed: list, add, sync, on, off, remove."""

from typing import Annotated, Any

import typer

from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import put_json, reported
from rackhand.cli.render import table

app = new_app("Channels: list, add, sync, on, off, remove.")
Channel = Annotated[str, typer.Argument(help="Id of a registered channel")]


@app.command("list")
def list_(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """List channels by title, with when each is looked at next."""
    with reported():
        items = list(connect(server, token).items("/api/channels", {"limit": 500}))
    if is_json:
        put_json(items)
        return
    print(table(("ID", "TITLE", "HANDLE", "EVERY", "NEXT", "OLDER", "ERROR"), map(_row, items)))


def _row(channel: dict[str, Any]) -> tuple[Any, ...]:
    minutes = f"{(channel['interval_ms'] or 0) / 60_000:.0f} min" if channel["is_enabled"] else "off"
    older = f"{channel['backfill_count']}/{channel['backfill_total']}"
    named = (channel["id"], channel["title"], channel["handle"], minutes, channel["next_sync_at"])
    return (*named, older, channel["last_error_message"])


@app.command("add")
def add(
    channel: Annotated[str, typer.Argument(help="Address, handle or id of a channel")],
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Register a channel."""
    with reported():
        saved = connect(server, token).post("/api/channels", {"channel": channel})
    if is_json:
        put_json(saved)
    else:
        print(saved["id"])


@app.command("sync")
def sync(channel: Channel, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Let a channel be looked at within seconds."""
    with reported():
        connect(server, token).post(f"/api/channels/{channel}/sync")


@app.command("on")
def switch_on(channel: Channel, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Look at a channel again."""
    with reported():
        connect(server, token).patch(f"/api/channels/{channel}", {"is_enabled": True})


@app.command("off")
def switch_off(channel: Channel, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Do not look at a channel any more; it stays registered."""
    with reported():
        connect(server, token).patch(f"/api/channels/{channel}", {"is_enabled": False})


@app.command("remove")
def remove(channel: Channel, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Forget a channel; its videos stay registered."""
    with reported():
        connect(server, token).delete(f"/api/channels/{channel}")
