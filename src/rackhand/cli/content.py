"""`rackhand content`: registered videos and their source: list, add, preview, tag, archive, seen, source."""

import sys
from typing import Annotated, Any

import typer

from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import put_json, reported
from rackhand.cli.render import facts, table

app = new_app("Content: videos to play on devices, and the source that knows them.")
Video = Annotated[str, typer.Argument(help="Id of a registered video")]
Address = Annotated[str, typer.Argument(help="Address or id of a video, in any form")]


@app.command("list")
def list_(
    search: Annotated[str | None, typer.Option("--search", help="In titles, channels and tags")] = None,
    tag: Annotated[str | None, typer.Option(help="Only videos with this tag")] = None,
    channel: Annotated[str | None, typer.Option(help="Only videos of this registered channel")] = None,
    is_new: Annotated[bool, typer.Option("--new", help="Only videos that nobody saw yet")] = False,
    is_archived: Annotated[bool, typer.Option("--archived", help="Only archived ones")] = False,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """List videos, the newest first."""
    flags = {"is_new": "true" if is_new else None, "is_archived": "true" if is_archived else None}
    query = {"q": search, "tag": tag, "channel": channel, "limit": 500} | flags
    with reported():
        items = list(connect(server, token).items("/api/content", query))
    if is_json:
        put_json(items)
        return
    print(table(("ID", "TITLE", "CHANNEL", "PUBLISHED", "NEW", "TAGS", "URL"), map(_row, items)))


def _row(video: dict[str, Any]) -> tuple[Any, ...]:
    named = (video["id"], video["title"], video["channel_title"], video["published_at"])
    return (*named, "new" if video["is_new"] else "", ", ".join(video["tags"]), video["url"])


@app.command("add")
def add(
    address: Address,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeat")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Register a video."""
    with reported():
        saved = connect(server, token).post("/api/content", {"url": address, "tags": tag or []})
    _show(saved, is_json, saved["id"])


@app.command("preview")
def preview(
    address: Address, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Show what the source knows of a video; nothing is registered."""
    with reported():
        found = connect(server, token).post("/api/content/preview", {"url": address})
    _show(found, is_json, facts({name: value for name, value in found.items() if name != "thumbnail"}))


@app.command("tag")
def tag_(
    video: Video,
    tags: Annotated[list[str] | None, typer.Argument(help="All its tags from now on")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Replace the tags of a video."""
    with reported():
        saved = connect(server, token).patch(f"/api/content/{video}", {"tags": tags or []})
    _show(saved, is_json, ", ".join(saved["tags"]))


@app.command("archive")
def archive(video: Video, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Archive a video; runs keep its address."""
    with reported():
        connect(server, token).delete(f"/api/content/{video}")


@app.command("restore")
def restore(video: Video, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Show an archived video again."""
    with reported():
        connect(server, token).post(f"/api/content/{video}/restore")


@app.command("seen")
def seen(
    video: Annotated[str | None, typer.Argument(help="Id of a registered video (default: all)")] = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Mark a video, or all of them, as seen."""
    with reported():
        connect(server, token).post(f"/api/content/{video}/seen" if video else "/api/content/seen")


@app.command("source")
def source(
    daily_units: Annotated[int | None, typer.Option("--budget", min=0, help="Units a day")] = None,
    is_key_read: Annotated[bool, typer.Option("--key-stdin", help="Read a new API key from standard input")] = False,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Show the budget and the state of the source; with options, set them. A key is never shown."""
    with reported():
        client = connect(server, token)
        body: dict[str, Any] = {} if daily_units is None else {"daily_units": daily_units}
        if is_key_read:
            body["api_key"] = sys.stdin.readline().strip()
        found = client.put("/api/content/source", body) if body else client.get("/api/content/source")
    _show(found, is_json, facts(found))


def _show(found: Any, is_json: bool, text: str) -> None:
    if is_json:
        put_json(found)
    else:
        print(text)
