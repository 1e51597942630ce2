"""`rackhand runs`: list, show, stop, resume, abort, rerun, export, log."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rackhand.cli.follow import describe
from rackhand.cli.lookup import find_run
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import put_json, reported
from rackhand.cli.render import facts, table
from rackhand.cli.run import Auto, MaxFailed, Wait, Waves, finish, waves_of

app = new_app("Runs: list, show, stop, resume, abort, rerun, export, log.")
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or last")]
Index = Annotated[int, typer.Argument(help="Index of the device")]


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="Only runs of this status")] = None,
    rollout: Annotated[
        str | None, typer.Option(help="Only rollouts that are so: rolling, halted, aborted, done")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first")] = 20,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """List runs, newest first."""
    with reported():
        query = {"status": status, "rollout_state": rollout, "limit": limit}
        items = connect(server, token).get("/api/runs", query)["items"]
    if is_json:
        put_json(items)
        return
    rows = [(r["id"], r["title"], r["status"], describe(r["counts"]), r["created_at"], r["finished_at"]) for r in items]
    print(table(("ID", "TITLE", "STATUS", "DEVICES", "CREATED", "FINISHED"), rows))


@app.command("show")
def show(
    run: RunId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Show a run with its devices."""
    with reported():
        client = connect(server, token)
        found = client.get(f"/api/runs/{find_run(client, run)}")
    if is_json:
        put_json(found)
        return
    print(facts({**found["run"], "counts": describe(found["counts"]), "policy": found["policy"]}))
    print()
    print(
        table(
            ("INDEX", "NODE", "SERIAL", "STATUS", "STEP", "WARNINGS", "ERROR"), map(_row, found["heatmap"]["devices"])
        )
    )


def _row(cell: dict[str, Any]) -> tuple[Any, ...]:
    late = f" (reported {cell['late_status']} late)" if cell["late_status"] else ""
    step = f"{cell['current_step_index'] + 1}/{cell['step_count']}"
    names = (cell["index"], cell["node_id"], cell["serial"], cell["status"] + late, step)
    return (*names, cell["warning_count"], cell["last_error_message"])


@app.command("stop")
def stop(
    run: RunId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Stop a run. One that has ended stays as it is."""
    with reported():
        client = connect(server, token)
        stopped = client.post(f"/api/runs/{find_run(client, run)}/stop")
    if is_json:
        put_json(stopped)
    else:
        print(f"{stopped['id']} {stopped['status']}: {describe(stopped['counts'])}")


@app.command("resume")
def resume(
    run: RunId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Let a rollout that halted go on, in spite of what failed so far."""
    _move(run, "resume", is_json, server, token)


@app.command("abort")
def abort(
    run: RunId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """End a rollout and stop its run."""
    _move(run, "abort", is_json, server, token)


def _move(run: str, verb: str, is_json: bool, server: str, token: str) -> None:
    with reported():
        client = connect(server, token)
        moved = client.post(f"/api/runs/{find_run(client, run)}/rollout/{verb}")
    if is_json:
        put_json(moved)
    else:
        print(f"{moved['id']} {moved['status']}, rollout {moved['rollout_state']} in wave {moved['open_wave']}")


@app.command("rerun")
def rerun(
    run: RunId,
    outcome: Annotated[list[str] | None, typer.Option(help="failed, lost, skipped_offline or stopped; repeat")] = None,
    start: Annotated[str, typer.Option("--from", help="start or failed_step")] = "start",
    dice: Annotated[str, typer.Option(help="same or new")] = "same",
    repeat_unknown: Annotated[bool, typer.Option(help="Also once steps whose outcome is unknown")] = False,
    include_late: Annotated[bool, typer.Option(help="Also devices that reported success too late")] = False,
    rollout: Waves = None,
    max_failed_ratio: MaxFailed = None,
    is_auto: Auto = True,
    is_waiting: Wait = True,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Run again what did not succeed: by default failed, lost and skipped_offline devices. Exit code as of run."""
    with reported():
        body: dict[str, Any] = {"from": start, "dice": dice, **waves_of(rollout, max_failed_ratio, is_auto=is_auto)}
        client = connect(server, token)
        body |= {"repeat_unknown": repeat_unknown, "include_late": include_late}
        body |= {"outcomes": outcome} if outcome else {}
        created = client.post(f"/api/runs/{find_run(client, run)}/rerun", body)
        code = finish(client, created, is_waiting=is_waiting, is_json=is_json)
    raise SystemExit(int(code))


@app.command("export")
def export(
    run: RunId,
    shape: Annotated[str, typer.Option("--format", help="junit, csv or json")] = "json",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write (default: stdout)")] = None,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Export a run as JUnit XML, CSV or JSON."""
    with reported():
        client = connect(server, token)
        body = client.send("GET", f"/api/runs/{find_run(client, run)}/export", {"format": shape})
        if output is None:
            sys.stdout.buffer.write(body)
            sys.stdout.flush()
        else:
            output.write_bytes(body)


@app.command("log")
def log(
    run: RunId,
    index: Index,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Print what the steps of one device of a run said."""
    with reported():
        client = connect(server, token)
        path = f"/api/runs/{find_run(client, run)}/devices/{index}/log"
        after = 0
        while lines := client.get(path, {"after": after})["lines"]:
            after = lines[-1]["line"]
            for line in lines:
                if is_json:
                    put_json(line)
                else:
                    print(f"{line['step_index'] + 1}.{line['attempt']} {line['text']}")
