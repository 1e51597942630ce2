"""`rackhand run`: start a playbook, watch it, and end with the run's outcome as exit code."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rackhand.cli.follow import count_final, describe, follow
from rackhand.cli.lookup import find_playbook
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect
from rackhand.cli.outcome import Exit, put_json, reported, say
from rackhand.cli.pairs import read_pairs, read_policy, read_rollout, read_secrets
from rackhand.cli.progress import progress
from rackhand.cli.target import read_target

if TYPE_CHECKING:
    from rackhand.cli.client import Client

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end of the run")]
Waves = Annotated[str | None, typer.Option("--rollout", help="In waves, such as 1,10%,100%: how far each one reaches")]
MaxFailed = Annotated[float | None, typer.Option(min=0, max=1, help="More than this halts a rollout")]
Auto = Annotated[bool, typer.Option("--auto/--by-hand", help="Open the next wave by itself")]


def run(
    playbook: Annotated[str, typer.Argument(help="Id, title or YAML file")],
    target: Annotated[str, typer.Option(help="all, 1-20,25, label:rack=a or node:PC-01")],
    exclude: Annotated[str, typer.Option(help="Indexes to leave out, such as 7,9-11")] = "",
    title: Annotated[str | None, typer.Option(help="Title of the run (default: the playbook's)")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1000, help="Devices at once, per node")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, such as timeout_ms=60000; repeat")] = None,
    param: Annotated[list[str] | None, typer.Option(help="KEY=VALUE for {{ params.KEY }}; repeat")] = None,
    content: Annotated[str | None, typer.Option(help="Id of a registered video, for {{ params.content.url }}")] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(help="NAME of {{ secrets.NAME }}; its value is in RACKHAND_SECRET_NAME, or is asked for; repeat"),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**53 - 1, help="Of the dice, and of the waves")] = None,
    rollout: Waves = None,
    max_failed_ratio: MaxFailed = None,
    is_auto: Auto = True,
    is_waiting: Wait = True,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Start a playbook and wait for its end. Exit code 0 only if every device succeeded. Ctrl-C leaves it running."""
    with reported():
        body: dict[str, Any] = {"target": read_target(target, exclude), "params": read_pairs("--param", param or [])}
        if secret:
            body["secrets"] = read_secrets(secret, os.environ)
        if policy or concurrency is not None:
            body["policy"] = read_policy(policy or [], concurrency)
        given = {"seed": seed, "title": title, "content": content}
        body |= {key: value for key, value in given.items() if value is not None}
        body |= waves_of(rollout, max_failed_ratio, is_auto=is_auto)
        client = connect(server, token)
        body["playbook_id"] = find_playbook(client, playbook)
        created = client.post("/api/runs", body)
        code = finish(client, created, is_waiting=is_waiting, is_json=is_json)
    raise SystemExit(int(code))


def waves_of(rollout: str | None, max_failed_ratio: float | None, *, is_auto: bool) -> dict[str, Any]:
    """The options of a rollout as a part of the body; {} without one."""
    if rollout is not None:
        return {"rollout": read_rollout(rollout, max_failed_ratio, is_auto=is_auto)}
    if max_failed_ratio is not None or not is_auto:
        raise ValueError("--max-failed-ratio and --by-hand need --rollout; nothing was started")
    return {}


def finish(client: "Client", created: dict[str, Any], *, is_waiting: bool, is_json: bool) -> Exit:
    """Report a run that was just created, and its end if that is waited for."""
    if not is_waiting:
        _tell(created, is_json)
        return Exit.SUCCEEDED
    if not is_json:
        say(f"Run {created['id']} on {created['counts']['total']} devices")
    try:
        with progress("Devices", created["counts"]["total"], is_quiet=is_json) as show:
            ended = follow(client, created["id"], show)
            show(count_final(ended["counts"]), describe(ended["counts"]))
    except KeyboardInterrupt:
        say(f"The run goes on. To stop it: rackhand runs stop {created['id']}")
        raise
    _tell(ended, is_json)
    return Exit.SUCCEEDED if ended["status"] == "succeeded" else Exit.NOT_SUCCEEDED


def _tell(run: dict[str, Any], is_json: bool) -> None:
    if is_json:
        put_json(run)
        return
    print(f"{run['id']} {run['status']}: {describe(run['counts']) or 'queued'}")
    if run.get("last_error_message"):
        say(f"last error: {run['last_error_message']}")
