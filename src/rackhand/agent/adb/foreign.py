"""Judging an adb server that somebody else started: may it be used? It is never killed.

What tells its age: `host:server-status` (servers since 35) carries the release; before that only the feature
list differs, and it tells 29 and older apart. In between nobody can know: used, with a warning.
"""

from dataclasses import dataclass

from rackhand.agent.adb.binary import MIN_MAJOR, major
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import (
    AdbTimeoutError,
    DeviceGoneError,
    ProtocolError,
    RefusedError,
    ServerDownError,
    ServerUnusableError,
)

_SINCE_30 = "sendrecv_v2"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A usable server of somebody else; `release` is empty if it cannot be known, then `warning` says so."""

    release: str
    warning: str = ""


def judge(release: str, features: frozenset[str], port: int) -> Foreign:
    """The verdict over what a server tells of itself; ServerUnusableError if it is too old."""
    is_old = major(release) < MIN_MAJOR if release else _SINCE_30 not in features
    if is_old:
        raise ServerUnusableError(
            f"another program runs adb server {release or '29 or older'} on port {port}; {MIN_MAJOR} is needed. "
            "It was left alone. End it, or give Rackhand a port of its own with --adb-port",
            phase="start",
        )
    if release:
        return Foreign(release)
    return Foreign("", f"the adb server on port {port} is not ours and does not tell its release (30 to 34)")


async def examine(adb: Adb, timeout_ms: int) -> Foreign | None:
    """The server that listens on this port, or None; ServerUnusableError for anything that is not a good one."""
    try:
        await adb.version(timeout_ms)
        features = await adb.server_features(timeout_ms)
        release = await adb.server_release(timeout_ms) if "server_status" in features else ""
    except ServerDownError as error:
        if error.phase == "connect":
            return None
        raise _no_adb(adb.port, error.message) from error
    except (ProtocolError, RefusedError, AdbTimeoutError, DeviceGoneError) as error:
        raise _no_adb(adb.port, error.message) from error
    return judge(release, features, adb.port)


def _no_adb(port: int, reason: str) -> ServerUnusableError:
    return ServerUnusableError(
        f"what listens on port {port} does not answer as an adb server does: {reason}. It was left alone. "
        "End it, or choose another port with --adb-port",
        phase="start",
    )
