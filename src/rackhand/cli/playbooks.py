"""`rackhand playbooks`: list, show, export, import, presets."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rackhand.cli.lookup import find_playbook, import_playbook
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import put_json, reported
from rackhand.cli.render import facts, table

app = new_app("Playbooks: list, show, export, import, presets.")
Playbook = Annotated[str, typer.Argument(help="Id or title of a playbook")]


@app.command("list")
def list_(
    search: Annotated[str | None, typer.Option("--search", help="Only titles with this")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """List playbooks by title."""
    with reported():
        items = list(connect(server, token).items("/api/playbooks", {"q": search, "limit": 500}))
    if is_json:
        put_json(items)
        return
    rows = [(p["id"], p["title"], p["revision"], p["updated_at"]) for p in items]
    print(table(("ID", "TITLE", "REVISION", "UPDATED"), rows))


@app.command("show")
def show(
    playbook: Playbook, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Show a playbook with its steps."""
    with reported():
        client = connect(server, token)
        found = client.get(f"/api/playbooks/{find_playbook(client, playbook)}")
    if is_json:
        put_json(found)
        return
    print(facts(found))
    print()
    names = ("title", "kind", "probability", "timeout_ms", "on_failure", "params")
    rows = [(number, *(step[name] for name in names)) for number, step in enumerate(found["steps"], 1)]
    print(table(("STEP", "TITLE", "KIND", "PROBABILITY", "TIMEOUT", "ON FAILURE", "PARAMS"), rows))


@app.command("export")
def export(
    playbook: Playbook,
    revision: Annotated[int | None, typer.Option(min=1, help="An older revision")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write (default: stdout)")] = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Export a playbook as YAML."""
    with reported():
        client = connect(server, token)
        path = f"/api/playbooks/{find_playbook(client, playbook)}/export"
        body = client.send("GET", path, {"revision": revision})
        if output is None:
            sys.stdout.buffer.write(body)
            sys.stdout.flush()
        else:
            output.write_bytes(body)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="YAML file")],
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Import a playbook from a YAML file."""
    with reported():
        saved = import_playbook(connect(server, token), file.read_bytes())
    if is_json:
        put_json(saved)
    else:
        print(saved["id"])


@app.command("presets")
def presets(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Register the preset playbooks that are not there yet."""
    with reported():
        items = connect(server, token).post("/api/playbooks/presets")["items"]
    if is_json:
        put_json(items)
        return
    print(table(("ID", "TITLE", "NEW"), [(p["id"], p["title"], p["is_new"]) for p in items]))
