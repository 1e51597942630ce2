"""`rackhand agent`: the node agent, and `rackhand agent install`, which starts it with the machine."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rackhand.cli.options import new_app
from rackhand.cli.outcome import Exit, fail, put_json, reported

if TYPE_CHECKING:
    from rackhand.agent.settings import AgentSettings

app = new_app("Run the node agent.", is_runnable=True)

Server = Annotated[str, typer.Option("--server", envvar="RACKHAND_SERVER", help="Address of the server")]
NodeId = Annotated[str, typer.Option("--node-id", envvar="RACKHAND_NODE_ID", help="Id of this node, such as PC-01")]
Token = Annotated[str, typer.Option("--token", envvar="RACKHAND_TOKEN", help="Token of this node")]
Data = Annotated[Path, typer.Option("--data", help="Folder of the agent; by default below the working folder")]
AdbPort = Annotated[int, typer.Option("--adb-port", min=1, max=65_535, help="Port of the adb server")]
AdbPath = Annotated[Path | None, typer.Option("--adb", help="The adb binary to start (default: on PATH, or bundled)")]
Endpoints = Annotated[
    list[str] | None,
    typer.Option("--endpoint", envvar="RACKHAND_ENDPOINTS", help="host:port of a TCP device to keep attached; repeat"),
]
EndpointsFile = Annotated[Path | None, typer.Option("--endpoints-file", help="File with one host:port a line")]
Traces = Annotated[
    bool, typer.Option("--traces", envvar="RACKHAND_TRACES", help="Export traces by OpenTelemetry (extra otel)")
]
LogFormat = Annotated[str, typer.Option("--log-format", envvar="RACKHAND_LOG_FORMAT", help="text or json")]
Capacity = Annotated[int, typer.Option("--capacity", min=1, max=1000, help="Most devices that work at once")]
CaFile = Annotated[
    Path | None, typer.Option("--ca-file", envvar="RACKHAND_CA_FILE", help="PEM file of who vouches for the server")
]
ServerName = Annotated[str, typer.Option("--server-name", help="Name in the server's certificate, if not its host")]
DATA = Path("rackhand-agent-data")


@app.callback(invoke_without_command=True)
def agent(
    ctx: typer.Context,
    server: Server = "",
    node_id: NodeId = "",
    token: Token = "",
    data: Data = DATA,
    adb_port: AdbPort = 5037,
    adb: AdbPath = None,
    endpoint: Endpoints = None,
    endpoints_file: EndpointsFile = None,
    capacity: Capacity = 32,
    log_format: LogFormat = "text",
    traces: Traces = False,
    ca_file: CaFile = None,
    server_name: ServerName = "",
) -> None:
    """Run the node agent: it drives the devices of this machine until it gets a signal."""
    if ctx.invoked_subcommand is not None:
        return
    import asyncio

    from rackhand.agent import logs, main
    from rackhand.cli.traced import traced

    if log_format not in ("text", "json"):
        fail(f"--log-format must be text or json, not {log_format!r}", Exit.USAGE)
    logs.set_up_logging(log_format, node_id)
    with reported():
        wanted = read_endpoints(endpoint or [], endpoints_file)
        settings = make_settings(server, node_id, token, data, adb_port, adb, wanted, capacity, ca_file, server_name)
        with traced("rackhand-agent", is_on=traces) as trace:
            code = asyncio.run(main.serve_agent(settings, trace))
    raise SystemExit(code)


@app.command("install")
def install_(
    server: Server = "",
    node_id: NodeId = "",
    token: Token = "",
    data: Data = DATA,
    adb_port: AdbPort = 5037,
    adb: AdbPath = None,
    endpoint: Endpoints = None,
    endpoints_file: EndpointsFile = None,
    capacity: Capacity = 32,
    ca_file: CaFile = None,
    server_name: ServerName = "",
    is_json: Annotated[bool, typer.Option("--json", help="Print data as JSON")] = False,
) -> None:
    """Write the unit that starts the agent with this machine (systemd, launchd or the Windows Task Scheduler)."""
    from rackhand.agent import install

    with reported():
        wanted = read_endpoints(endpoint or [], endpoints_file)
        settings = make_settings(
            server, node_id, token, data.absolute(), adb_port, adb, wanted, capacity, ca_file, server_name
        )
        token_file = settings.data_dir / "token"
        unit = install.make_unit(sys.platform, command_of(settings), token_file, Path.home())
        install.install(unit, token, token_file)
    if is_json:
        put_json({"path": str(unit.path), "token_file": str(token_file), "commands": list(unit.commands)})
        return
    print(f"Wrote {unit.path} and {token_file}. Now run:")
    for line in unit.commands:
        print(f"  {line}")


def make_settings(
    server: str,
    node_id: str,
    token: str,
    data: Path,
    adb_port: int,
    adb: Path | None,
    endpoints: tuple[str, ...],
    capacity: int,
    ca_file: Path | None = None,
    server_name: str = "",
) -> "AgentSettings":
    """The settings of an agent; a missing one ends the command with code 2 and names all that are missing."""
    from rackhand.agent.settings import AgentPeriods, AgentSettings, read_numbers
    from rackhand.core.health import Rules
    from rackhand.core.hubs import HubRules

    given = {"--server": server, "--node-id": node_id, "--token": token}
    missing = [name for name, value in given.items() if not value]
    if missing:
        fail(f"an agent needs {', '.join(missing)} (an admin makes node and token: rackhand nodes enrol)", Exit.USAGE)
    if not server.startswith(("http://", "https://")):
        fail(f"--server must be an http or https URL, not {server!r}", Exit.USAGE)
    periods = AgentPeriods.read(os.environ)
    rules = Rules(**read_numbers(Rules, os.environ))
    hub_rules = HubRules(**read_numbers(HubRules, os.environ))
    place = AgentSettings(server, node_id, token, data, adb_port, adb, capacity, endpoints)
    own = replace(place, periods=periods, rules=rules, hub_rules=hub_rules)
    return replace(own, ca_file=ca_file, server_name=server_name)


def read_endpoints(given: list[str], file: Path | None) -> tuple[str, ...]:
    """Checked `host:port` of all flags (each may be a list with commas or spaces) and of the file; # is a comment."""
    words = [word for text in given for word in text.replace(",", " ").split()]
    if file is not None:
        lines = file.read_text(encoding="utf-8").splitlines()
        words += [word for line in lines for word in line.partition("#")[0].split()]
    for word in words:
        host, _, port = word.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"the endpoint {word!r} is no host:port; nothing was started")
    return tuple(dict.fromkeys(words))


def command_of(settings: "AgentSettings") -> list[str]:
    """The command that starts this agent; the token comes by the environment."""
    words = [sys.executable, "-m", "rackhand", "agent", "--server", settings.server, "--node-id", settings.node_id]
    words += ["--data", str(settings.data_dir), "--adb-port", str(settings.adb_port)]
    words += ["--capacity", str(settings.capacity)]
    if settings.adb_path is not None:
        words += ["--adb", str(settings.adb_path.absolute())]
    if settings.ca_file is not None:
        words += ["--ca-file", str(settings.ca_file.absolute())]
    if settings.server_name:
        words += ["--server-name", settings.server_name]
    for endpoint in settings.endpoints:
        words += ["--endpoint", endpoint]
    return words
