"""The checks of `rackhand doctor` that ask a running server: is it ready, its clock, the token, its nodes."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

from rackhand import __version__
from rackhand.cli.client import Client
from rackhand.cli.finding import Finding, Level, Place
from rackhand.cli.outcome import Unreachable
from rackhand.core.errors import NotAllowed, NotAuthenticated, RackhandError
from rackhand.engine.todo import OLDEST_ADB, is_adb_old

SKEW_S = 5.0
ANSWER_S = 5.0


def check_server(place: Place) -> list[Finding]:
    """Reachable, ready, its clock, and the token if there is one."""
    client = Client(place.server, place.token, ANSWER_S)
    try:
        asked_at = time.time()
        date = client.header("/healthz", "date")
        client.get("/readyz")
    except Unreachable as error:
        level = Level.FAIL if place.is_server_wanted else Level.WARN
        return [Finding("server", level, error.detail, "Start rackhand serve, or name another one with --server")]
    except RackhandError as error:
        return [Finding("server", Level.FAIL, error.detail, "Look at the server's log")]
    return [
        Finding("server", Level.OK, f"{place.server} is ready"),
        _check_clock(date, asked_at),
        *_check_token(client, place),
    ]


def _check_clock(date: str, asked_at: float) -> Finding:
    """The header has whole seconds; that is enough for the question."""
    try:
        skew_s = parsedate_to_datetime(date).timestamp() - asked_at
    except ValueError:
        return Finding("clock", Level.WARN, "the server does not tell its time")
    if abs(skew_s) > SKEW_S:
        advice = "Let both machines set their clocks by NTP; leases do not depend on it, but times in lists do"
        return Finding("clock", Level.WARN, f"the server's clock is {skew_s:+.0f} s off", advice)
    return Finding("clock", Level.OK, "agrees with the server's")


def _check_token(client: Client, place: Place) -> list[Finding]:
    if not place.token:
        return [Finding("token", Level.WARN, "none is given", "Set RACKHAND_TOKEN or --token for the other commands")]
    try:
        nodes = client.get("/api/nodes")["items"]
    except (NotAuthenticated, NotAllowed) as error:
        return [Finding("token", Level.FAIL, error.detail, "Ask an admin for an API token")]
    known = Finding("token", Level.OK, f"accepted; the server knows {len(nodes)} nodes")
    return [known, *(check_node(node) for node in nodes)]


def check_node(node: dict[str, Any]) -> Finding:
    """A node as it last reported: whether it does, its versions, and its own trouble, such as clock or disk."""
    name, agent, adb = f"node {node['id']}", node["agent_version"], node["adb_version"]
    if not node["online"]:
        return Finding(name, Level.WARN, "does not report", "Look at its agent; rackhand doctor on it says more")
    if node["last_error_message"]:
        return Finding(name, Level.WARN, f"reports: {node['last_error_message']}", "Run rackhand doctor on it")
    if is_adb_old(adb):
        return Finding(name, Level.WARN, f"adb {adb} is too old", f"Update adb there to {OLDEST_ADB} or newer")
    detail = f"reports; agent {agent}, adb {adb or 'unknown'}"
    if agent != __version__:
        return Finding(name, Level.WARN, f"{detail}; this is {__version__}", "Update the older of the two")
    return Finding(name, Level.OK, detail)
