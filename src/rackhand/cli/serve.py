"""`rackhand serve`: the HTTP server."""

import os
from pathlib import Path
from typing import Annotated

import typer

from rackhand.cli.outcome import Exit, fail, reported


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (8765); 0 picks a free one")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the database and files (rackhand-data)")] = None,
    tls_cert: Annotated[str | None, typer.Option(help="PEM file of the certificate chain")] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file of the certificate's private key")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings")] = None,
    behind_proxy: Annotated[bool | None, typer.Option(help="A proxy on this machine ends TLS")] = None,
) -> None:
    """Run the server. Prints `Ready http://HOST:PORT` once it answers, then how to log in. Settings: RACKHAND_*
    (docs/settings.md)."""
    from rackhand.cli.traced import traced
    from rackhand.server import logs, main, settings

    flags = {"host": host, "port": port, "data": data, "behind_proxy": behind_proxy}
    flags |= {"tls_cert": tls_cert, "tls_key": tls_key}
    try:
        loaded = settings.load(flags, os.environ, config)
    except settings.SettingError as error:
        fail(str(error), Exit.USAGE)
    logs.set_up_logging(loaded.log_format)
    with reported():
        try:
            with traced("rackhand-server", is_on=loaded.traces) as trace:
                main.run(loaded, tell, trace)
        except KeyboardInterrupt:
            raise SystemExit(int(Exit.SUCCEEDED)) from None


def tell(url: str, secret: str | None) -> None:
    """Two lines of stdout: the address, and the login; a one-time link while no administrator has a password."""
    login = f"Log in: {url}/login" if secret is None else f"Log in (once, 24 h): {url}/login/{secret}"
    print(f"Ready {url}\n{login}", flush=True)
