"""`rackhand schedules`: list, show, create, pause, resume, history, delete, and the next times of an expression."""

import os
from typing import Annotated, Any

import typer

from rackhand.cli.lookup import find_playbook, part
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import put_json, reported, say
from rackhand.cli.pairs import read_pairs, read_secrets
from rackhand.cli.render import facts, table
from rackhand.cli.target import read_target

app = new_app("Schedules: list, show, create, pause, resume, history, delete, times.")
ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id of the schedule")]
ZoneOption = Annotated[str, typer.Option("--time-zone", help="Where the expression is read, such as Asia/Seoul")]


@app.command("list")
def list_(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """List schedules by title."""
    with reported():
        items = list(connect(server, token).items("/api/schedules", {"limit": 500}))
    if is_json:
        put_json(items)
        return
    rows = [
        (
            *(item[name] for name in ("id", "title", "playbook_title", "cron", "time_zone")),
            item["next_at"] or "paused",
            item["last"]["state"] if item["last"] else None,
        )
        for item in items
    ]
    print(table(("ID", "TITLE", "PLAYBOOK", "CRON", "ZONE", "NEXT", "LAST"), rows))


@app.command("show")
def show(
    schedule: ScheduleId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Show a schedule with its next five times."""
    with reported():
        _tell(connect(server, token).get(f"/api/schedules/{part(schedule)}"), is_json)


def _tell(view: dict[str, Any], is_json: bool) -> None:
    if is_json:
        put_json(view)
        return
    print(facts({name: value for name, value in view.items() if name != "next_times"}))
    for each in view["next_times"]:
        print(f"next: {each['local']}")


@app.command("create")
def create(
    playbook: Annotated[str, typer.Argument(help="Id or title of a playbook, or a YAML file")],
    target: Annotated[str, typer.Option(help="all, 1-20,25, label:rack=a or node:PC-01")],
    cron: Annotated[str, typer.Option(help="Five fields, such as '0 9 * * MON-FRI', or @daily")],
    time_zone: ZoneOption = "UTC",
    title: Annotated[str | None, typer.Option(help="Its title (default: that of the playbook)")] = None,
    exclude: Annotated[str, typer.Option(help="Without these indexes")] = "",
    param: Annotated[list[str] | None, typer.Option(help="KEY=VALUE for {{ params.KEY }}; repeat")] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(help="NAME of {{ secrets.NAME }}; its value is in RACKHAND_SECRET_NAME, or is asked for; repeat"),
    ] = None,
    misfire: Annotated[str, typer.Option(help="skip or once: what is made up for after missed times")] = "skip",
    overlap: Annotated[str, typer.Option(help="skip, queue or allow: while its last run is under way")] = "skip",
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Run a playbook by the clock, in its revision of then."""
    with reported():
        body: dict[str, Any] = {"target": read_target(target, exclude), "params": read_pairs("--param", param or [])}
        if secret:
            body["secrets"] = read_secrets(secret, os.environ)
        body |= {"cron": cron, "time_zone": time_zone, "misfire": misfire, "overlap": overlap}
        client = connect(server, token)
        playbook_id = find_playbook(client, playbook)
        name = title or client.get(f"/api/playbooks/{playbook_id}")["title"]
        made = client.post("/api/schedules", body | {"playbook_id": playbook_id, "title": name})
    _tell(made, is_json)


@app.command("pause")
def pause(schedule: ScheduleId, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Start nothing more until it is resumed."""
    with reported():
        connect(server, token).post(f"/api/schedules/{part(schedule)}/pause")
    say(f"{schedule} is paused")


@app.command("resume")
def resume(schedule: ScheduleId, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """Go on with the next time."""
    with reported():
        view = connect(server, token).post(f"/api/schedules/{part(schedule)}/resume")
    say(f"{schedule} goes on at {view['next_at']}")


@app.command("history")
def history(
    schedule: ScheduleId,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest")] = 50,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Show what became of its times, missed ones included."""
    with reported():
        items = connect(server, token).get(f"/api/schedules/{part(schedule)}/firings", {"limit": limit})["items"]
    if is_json:
        put_json(items)
        return
    names = ("due_at", "state", "run_id", "reason")
    print(table(("TIME", "STATE", "RUN", "REASON"), [tuple(each[name] for name in names) for each in items]))


@app.command("delete")
def delete(
    schedule: ScheduleId,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it without asking")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Forget a schedule and its history; its runs are kept."""
    if not is_sure:
        typer.confirm(f"Forget schedule {schedule} and its history?", abort=True)
    with reported():
        connect(server, token).delete(f"/api/schedules/{part(schedule)}")
    say(f"{schedule} is forgotten")


@app.command("times")
def times(
    cron: Annotated[str, typer.Argument(help="Five fields, such as '0 9 * * MON-FRI', or @daily")],
    time_zone: ZoneOption = "UTC",
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Show the next five times of an expression."""
    with reported():
        found = connect(server, token).post("/api/schedules/preview", {"cron": cron, "time_zone": time_zone})
    if is_json:
        put_json(found)
        return
    for each in found["times"]:
        print(each["local"])
