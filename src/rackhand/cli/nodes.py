"""`rackhand nodes`: list, enrol, rotate, drain, remove."""

from typing import Annotated, Any

import typer

from rackhand.cli.lookup import part
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import put_json, reported, say
from rackhand.cli.render import table

app = new_app("Nodes: list, enrol, rotate, drain, remove.")
NodeId = Annotated[str, typer.Argument(metavar="NODE", help="Id of the node, such as PC-01")]


@app.command("list")
def list_(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """List nodes."""
    with reported():
        items = connect(server, token).get("/api/nodes")["items"]
    if is_json:
        put_json(items)
        return
    names = ("id", "name", "state", "online", "online_device_count", "device_count", "agent_version", "adb_version")
    rows = [(*(node[name] for name in names), node["last_seen_at"], node["last_error_message"]) for node in items]
    print(table(("ID", "NAME", "STATE", "ONLINE", "UP", "DEVICES", "AGENT", "ADB", "LAST SEEN", "ERROR"), rows))


@app.command("enrol")
def enrol(
    node: NodeId,
    name: Annotated[str | None, typer.Option(help="A name for people")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Enrol a node and print its token, which is shown only now."""
    with reported():
        body = {"id": node} | ({"name": name} if name else {})
        _tell(connect(server, token).post("/api/nodes", body), server, is_json)


@app.command("rotate")
def rotate(
    node: NodeId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Give a node a new token; the old one dies at once."""
    with reported():
        _tell(connect(server, token).post(f"/api/nodes/{part(node)}/rotate"), server, is_json)


def _tell(enrolled: dict[str, Any], server: str, is_json: bool) -> None:
    if is_json:
        put_json(enrolled)
        return
    print(enrolled["token"])
    say(f"On that PC: rackhand agent --server {server} --node-id {enrolled['id']} --token THAT-TOKEN")


@app.command("drain")
def drain(
    node: NodeId,
    undo: Annotated[bool, typer.Option("--undo", help="Give it work again")] = False,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Give a node no new work, or with --undo again some."""
    with reported():
        view = connect(server, token).post(f"/api/nodes/{part(node)}/drain", {"drain": not undo})
    if is_json:
        put_json(view)
    else:
        print(f"{view['id']} {view['state']}")


@app.command("remove")
def remove(
    node: NodeId,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it without asking")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Forget a node: its work is closed, its devices stay without a node."""
    if not is_sure:
        typer.confirm(f"Forget node {node}? Its open device runs end as lost or skipped_offline.", abort=True)
    with reported():
        connect(server, token).delete(f"/api/nodes/{part(node)}")
    say(f"{node} is forgotten")
