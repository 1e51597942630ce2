"""`rackhand presets`: list what there is to run at once, run one, and how far a new installation is."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import Exit, put_json, reported
from rackhand.cli.pairs import read_pairs, read_policy
from rackhand.cli.render import table
from rackhand.cli.run import Wait, finish
from rackhand.cli.target import read_target

app = new_app("Presets: list, run; and the checklist of a new installation.")


@app.command("list")
def list_(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """List the presets, with what each step does."""
    with reported():
        items = connect(server, token).get("/api/presets")["items"]
    if is_json:
        put_json(items)
        return
    for each in items:
        wanted = [f"--set {value['name']}={value['default'] or '...'}" for value in each["inputs"]]
        print(f"{each['key']}  {each['title']}", *wanted, *(["--file APP.apk"] if each["needs_file"] else []), sep="  ")
        for number, step in enumerate(each["steps"], 1):
            print(f"    {number}. {step['does']}")


@app.command("run")
def run(
    preset: Annotated[str, typer.Argument(help="Key of a preset, such as health-sweep")],
    target: Annotated[str, typer.Option(help="all, 1-20,25, label:rack=a or node:PC-01")] = "all",
    exclude: Annotated[str, typer.Option(help="Indexes to leave out, such as 7,9-11")] = "",
    value: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE that the preset asks for; repeat")] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The APK that it installs")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1000, help="Devices at once, per node")] = None,
    is_waiting: Wait = True,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Run a preset and wait for its end. Exit code 0 only if every device succeeded."""
    with reported():
        body: dict[str, Any] = {"target": read_target(target, exclude), "values": read_pairs("--set", value or [])}
        if concurrency is not None:
            body["policy"] = read_policy([], concurrency)
        client = connect(server, token)
        if file is not None:
            body["file"] = client.upload(file)
        code = finish(client, client.post(f"/api/presets/{preset}/runs", body), is_waiting=is_waiting, is_json=is_json)
    raise SystemExit(int(code))


@app.command("checklist")
def checklist(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Show how far a new installation is. Exit code 0 only if every point is done."""
    with reported():
        found = connect(server, token).get("/api/onboarding")
    if is_json:
        put_json(found)
    else:
        print(table(("POINT", "STATE", "FOUND"), [(p["name"], p["state"], p["detail"]) for p in found["points"]]))
    raise SystemExit(int(Exit.SUCCEEDED if found["is_done"] else Exit.NOT_SUCCEEDED))
