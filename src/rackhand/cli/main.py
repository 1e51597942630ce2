"""The command `rackhand`: which commands there are, and nothing about what they do."""

import typer

from rackhand import __version__
from rackhand.cli.agent import app as agent
from rackhand.cli.backup import backup, restore
from rackhand.cli.channels import app as channels
from rackhand.cli.content import app as content
from rackhand.cli.db import app as db
from rackhand.cli.demo import demo
from rackhand.cli.devices import app as devices
from rackhand.cli.doctor import doctor
from rackhand.cli.leash import follow_leash
from rackhand.cli.nodes import app as nodes
from rackhand.cli.notifications import app as notifications
from rackhand.cli.options import new_app
from rackhand.cli.outcome import closing
from rackhand.cli.playbooks import app as playbooks
from rackhand.cli.presets import app as presets
from rackhand.cli.run import run
from rackhand.cli.runs import app as runs
from rackhand.cli.schedules import app as schedules
from rackhand.cli.serve import serve
from rackhand.cli.sim import sim
from rackhand.cli.users import app as users
from rackhand.cli.worker import worker

app = new_app("Run playbooks on racks of Android devices that you own, and see what happened on every one of them.")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"rackhand {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version"),
) -> None:
    """Options of the command itself."""


app.command("demo")(demo)
app.command("serve")(serve)
app.command("worker")(worker)
app.add_typer(agent, name="agent")
app.command("run")(run)
app.add_typer(runs, name="runs")
app.add_typer(devices, name="devices")
app.add_typer(nodes, name="nodes")
app.add_typer(playbooks, name="playbooks")
app.add_typer(content, name="content")
app.add_typer(channels, name="channels")
app.add_typer(presets, name="presets")
app.add_typer(schedules, name="schedules")
app.add_typer(notifications, name="notifications")
app.add_typer(users, name="users")
app.command("sim")(sim)
app.add_typer(db, name="db")
app.command("backup")(backup)
app.command("restore")(restore)
app.command("doctor")(doctor)


def main() -> None:
    """The entry point; exit codes in `outcome`."""
    follow_leash()
    with closing():
        app(prog_name="rackhand")
