"""Options that several commands share, and the client that follows from them."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rackhand.cli.client import Client

ServerOption = Annotated[
    str, typer.Option("--server", envvar="RACKHAND_SERVER", help="Address of the server", show_envvar=True)
]
TokenOption = Annotated[str, typer.Option("--token", envvar="RACKHAND_TOKEN", help="API token", show_envvar=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data as JSON")]
DEFAULT_SERVER = "http://127.0.0.1:8765"


def new_app(help: str, *, is_runnable: bool = False) -> typer.Typer:  # noqa: A002 - typer's own word
    """A command group in the house style: plain help, no Rich. `is_runnable`: does something without a subcommand."""
    return typer.Typer(
        help=help,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=not is_runnable,
        add_completion=False,
    )


def connect(server: str, token: str) -> "Client":
    """The client for the given address and token; the bootstrap token serves as well."""
    from rackhand.cli.client import Client

    return Client(server, token or os.environ.get("RACKHAND_BOOTSTRAP_TOKEN", ""))
