"""`rackhand notifications`: channels, rules, and the log of messages."""

import sys
from typing import Annotated, Any

import typer

from rackhand.cli.lookup import part
from rackhand.cli.options import DEFAULT_SERVER, JsonOption, ServerOption, TokenOption, connect, new_app
from rackhand.cli.outcome import Exit, fail, put_json, reported, say
from rackhand.cli.render import table

app = new_app("Notifications: channels, rules, log, and sending a message again.")
ChannelId = Annotated[str, typer.Argument(metavar="CHANNEL", help="Id of the channel")]
_HERE = "/api/notifications"


@app.command("channels")
def channels(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """List where messages go."""
    with reported():
        items = connect(server, token).get(f"{_HERE}/channels")["items"]
    names = ("id", "title", "kind", "address_shown", "is_enabled", "succeeded_at", "last_error_message")
    _show(items, names, ("ID", "TITLE", "KIND", "WHERE TO", "ON", "LAST GOOD", "ERROR"), is_json)


def _show(items: list[dict[str, Any]], names: tuple[str, ...], head: tuple[str, ...], is_json: bool) -> None:
    if is_json:
        put_json(items)
        return
    print(table(head, [tuple(item[name] for name in names) for item in items]))


@app.command("add-channel")
def add_channel(
    address: Annotated[str, typer.Argument(help="https://... or of Apprise, such as slack://...; -: a line of stdin")],
    title: Annotated[str, typer.Option(help="What people read")],
    language: Annotated[str, typer.Option(help="en or ko")] = "en",
    digest: Annotated[int, typer.Option(min=0, max=86_400, help="At most one message in so many seconds")] = 60,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Add a channel; prints its id and, of a webhook, the signing secret, which is shown only now."""
    address = sys.stdin.readline().strip() if address == "-" else address
    kind = "webhook" if address.startswith(("http://", "https://")) else "apprise"
    body = {"title": title, "kind": kind, "address": address, "language": language, "digest_s": digest}
    with reported():
        made = connect(server, token).post(f"{_HERE}/channels", body)
    if is_json:
        put_json(made)
        return
    print(made["channel"]["id"])
    if made["secret"]:
        print(made["secret"])


@app.command("test")
def send_test(
    channel: ChannelId, is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = ""
) -> None:
    """Send a test message and say how that ended; exit code 1 if it was not delivered."""
    with reported():
        sent = connect(server, token).post(f"{_HERE}/channels/{part(channel)}/test")
    if is_json:
        put_json(sent)
    if sent["state"] != "delivered":
        fail(f"not delivered: {sent['last_error_message'] or sent['state']}", Exit.NOT_SUCCEEDED)
    say(f"delivered as {sent['id']}")


@app.command("remove-channel")
def remove_channel(
    channel: ChannelId,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do it without asking")] = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Forget a channel, its rules and its log."""
    if not is_sure:
        typer.confirm(f"Forget channel {channel}, its rules and its log?", abort=True)
    with reported():
        connect(server, token).delete(f"{_HERE}/channels/{part(channel)}")
    say(f"{channel} is forgotten")


@app.command("rules")
def rules(is_json: JsonOption = False, server: ServerOption = DEFAULT_SERVER, token: TokenOption = "") -> None:
    """List what is told, and where."""
    with reported():
        items = connect(server, token).get(f"{_HERE}/rules")["items"]
    shown = items if is_json else [item | {"kinds": ",".join(item["kinds"])} for item in items]
    names = ("id", "title", "kinds", "channel_id", "is_enabled")
    _show(shown, names, ("ID", "TITLE", "KINDS", "CHANNEL", "ON"), is_json)


@app.command("add-rule")
def add_rule(
    channel: ChannelId,
    kinds: Annotated[str, typer.Option(help="run_failed,run_partial,node_silent,device_quarantined,...")],
    title: Annotated[str, typer.Option(help="What people read")] = "From the command line",
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Tell a channel of these kinds of happenings from now on."""
    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    with reported():
        made = connect(server, token).post(f"{_HERE}/rules", {"title": title, "kinds": wanted, "channel_id": channel})
    if is_json:
        put_json(made)
    else:
        print(made["id"])


@app.command("remove-rule")
def remove_rule(
    rule: Annotated[str, typer.Argument(help="Id of the rule")],
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Forget a rule."""
    with reported():
        connect(server, token).delete(f"{_HERE}/rules/{part(rule)}")
    say(f"{rule} is forgotten")


@app.command("log")
def log(
    channel: Annotated[str | None, typer.Option(help="Only of this channel")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest")] = 50,
    is_json: JsonOption = False,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Show messages and how their tries ended."""
    with reported():
        query = {"limit": limit, "channel_id": channel}
        items = connect(server, token).get(f"{_HERE}/deliveries", query)["items"]
    names = ("id", "created_at", "state", "happening_count", "attempt", "status_code", "last_error_message")
    _show(items, names, ("ID", "MADE", "STATE", "TELLS OF", "TRIES", "STATUS", "ERROR"), is_json)


@app.command("redeliver")
def redeliver(
    delivery: Annotated[str, typer.Argument(help="Id of the message")],
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
) -> None:
    """Send a message again, with the same id."""
    with reported():
        connect(server, token).post(f"{_HERE}/deliveries/{part(delivery)}/redeliver")
    say(f"{delivery} is sent again")
