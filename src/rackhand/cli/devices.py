"""`rackhand devices`: list, show, label, scan."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import Exit, put_json, reported
from rackhand.cli.pairs import read_pairs
from rackhand.cli.progress import progress
from rackhand.cli.render import facts, table
from rackhand.core.states import SCAN, ScanStatus

if TYPE_CHECKING:
    from rackhand.cli.client import Client

app = new_app("Devices: list, show, label, scan.")
Index = Annotated[int, typer.Argument(help="Index of the device")]
SCAN_POLL_S = 0.3


@app.command("list")
def list_(
    node: Annotated[str | None, typer.Option(help="Only devices of this node")] = None,
    online: Annotated[bool | None, typer.Option("--online/--offline", help="Only those that are, or are not")] = None,
    search: Annotated[str | None, typer.Option("--search", help="In serial, label and model")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """List devices by index."""
    wanted = {"node": node, "online": None if online is None else str(online).lower(), "q": search, "limit": 500}
    with reported():
        items = list(connect(server, token).items("/api/devices", wanted))
    if is_json:
        put_json(items)
        return
    print(table(("INDEX", "NODE", "SERIAL", "LABEL", "ONLINE", "ACTIVITY", "MODEL", "BATTERY"), map(_row, items)))


def _row(device: dict[str, Any]) -> tuple[Any, ...]:
    names = ("index", "node_id", "serial", "label", "online", "activity_name", "model", "battery")
    return tuple(device[name] for name in names)


@app.command("show")
def show(
    index: Index, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Show a device with its lease, its conflicts and its latest runs."""
    with reported():
        found = connect(server, token).get(f"/api/devices/{index}")
    if is_json:
        put_json(found)
        return
    print(facts(found))
    if found["runs"]:
        rows = [
            (r["run_id"], r["title"], r["status"], r["finished_at"], r["last_error_message"]) for r in found["runs"]
        ]
        print()
        print(table(("RUN", "TITLE", "STATUS", "FINISHED", "ERROR"), rows))


@app.command("label")
def label(
    index: Index,
    name: Annotated[str | None, typer.Argument(help="New label of the device")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of a label to select by; repeat")] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="KEY to take away; repeat")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Give a device a label, and key=value labels for targets."""
    with reported():
        added = read_pairs("--set", set_ or [])
        if name is None and not added and not unset:
            raise ValueError("name a new label, --set or --unset; nothing was changed")
        client = connect(server, token)
        body: dict[str, Any] = {} if name is None else {"label": name or None}
        if added or unset:
            kept = client.get(f"/api/devices/{index}")["labels"]
            body["labels"] = {key: value for key, value in (kept | added).items() if key not in (unset or [])}
        changed = client.patch(f"/api/devices/{index}", body)
    if is_json:
        put_json(changed)
    else:
        print(
            table(
                ("INDEX", "SERIAL", "LABEL", "LABELS"), [[changed[n] for n in ("index", "serial", "label", "labels")]]
            )
        )


@app.command("scan")
def scan(
    node: Annotated[str | None, typer.Option(help="Only this node (default: all)")] = None,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Let nodes look for devices now, and wait for what they find."""
    with reported():
        client = connect(server, token)
        accepted = client.post("/api/nodes/scan", {"node_id": node} if node else {})
        done = _await_scan(client, accepted["scan_job_id"], is_json)
    if is_json:
        put_json(done)
    else:
        said = f"Scan {done['status']}: {done['found']} found, {done['added']} new"
        print(said + (f" ({done['error_message']})" if done["error_message"] else ""))
    raise SystemExit(int(Exit.SUCCEEDED if done["status"] == "succeeded" else Exit.NOT_SUCCEEDED))


def _await_scan(client: "Client", job_id: str, is_quiet: bool) -> dict[str, Any]:
    """The scan as it ended; the server ends it at its deadline at the latest."""
    with progress("Nodes", 1, is_quiet=is_quiet) as show:
        while True:
            seen: dict[str, Any] = client.get(f"/api/nodes/scan/{job_id}")
            if SCAN.is_final(ScanStatus(seen["status"])):
                show(1)
                return seen
            show(0, f"{seen['progress']} transports looked at")
            time.sleep(SCAN_POLL_S)
