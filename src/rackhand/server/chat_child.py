"""The child process that speaks to chats and mail servers through Apprise: one JSON request on stdin, one answer out.

A provider that hangs, or a plug-in that goes wrong, dies with this process and nothing else. Before Apprise is loaded,
name resolution is guarded: connections go to public addresses only, and to those that `outbound_allow` names.
"""

import importlib
import ipaddress
import json
import logging
import re
import socket
import sys
from typing import Any

from rackhand.core.masking import Mask
from rackhand.server.outbound import Allowed

LOCAL = frozenset(
    {"blink1", "dbus", "file", "glib", "gnome", "kde", "macosx", "qt", "syslog", "tmux", "windows", "wall"}
)
"""Schemes that reach nobody, but this machine."""
ONLY_HERE = "this kind of address reaches only the server itself"
_SHORTEST = 6


def is_local(address: str) -> bool:
    """Whether an address reaches only this machine."""
    return address.partition("://")[0].lower() in LOCAL


def guard(allowed: Allowed) -> None:
    """From now on names, and literal addresses, stand only for addresses that are allowed."""
    resolve = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        found = resolve(host, *args, **kwargs)
        name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
        kept = [each for each in found if allowed.admits(name, ipaddress.ip_address(str(each[4][0]).partition("%")[0]))]
        if not kept:
            raise OSError(f"{name} has no public address; an administrator can add it to RACKHAND_OUTBOUND_ALLOW")
        return kept

    socket.getaddrinfo = guarded


class _Notes(logging.Handler):
    """Keeps what Apprise says of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """{"error": null} if all went well. `do` is `check` (can the address be read) or `send`."""
    address = str(request["address"])
    if is_local(address):
        return {"error": ONLY_HERE, "is_final": True}
    guard(Allowed.of(request["allow"]))
    apprise = importlib.import_module("apprise")
    notes = _Notes()
    logging.getLogger("apprise").addHandler(notes)
    post = apprise.Apprise()
    if not post.add(address):
        return {"error": "Apprise cannot read this address", "is_final": True}
    if request["do"] == "check" or post.notify(title=request["title"], body=request["body"]):
        return {"error": None}
    said = " ".join(notes.lines[-2:]) or "the provider refused the message"
    parts = [part for part in re.split(r"[/:@?&=]+", address) if len(part) >= _SHORTEST]
    return {"error": Mask(parts).text(said)[:500]}


def main() -> None:
    """One request, one answer."""
    out = sys.stdout
    sys.stdout = sys.stderr  # plug-ins may print
    out.write(json.dumps(answer(json.load(sys.stdin))))
    out.flush()


if __name__ == "__main__":
    main()
