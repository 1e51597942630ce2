"""The checks of `rackhand doctor`: each looks at one thing, changes nothing, and says what to do."""

import asyncio
import shutil
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path

from rackhand.agent.adb.binary import HOW_TO_GET_ONE, find_binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import AdbError
from rackhand.agent.adb.foreign import Foreign
from rackhand.agent.adb.foreign import examine as examine_server
from rackhand.cli.client import Client
from rackhand.cli.db import look
from rackhand.cli.outcome import Unreachable
from rackhand.core.errors import Conflict, NotAllowed, NotAuthenticated, RackhandError
from rackhand.server.settings import Settings

LOW_DISK = 5 * 1024**3
NO_DISK = 512 * 1024**2
SKEW_S = 5.0
ANSWER_S = 5.0
ADB_MS = 5_000


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw, and what to do about it (empty if nothing)."""

    name: str
    level: Level
    detail: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def as_text(self) -> str:
        return f"{self.level:<4}  {self.name}: {self.detail}" + (f"\n      {self.advice}" if self.advice else "")


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at. `is_server_wanted`: an address was given, so that no answer is a failure."""

    settings: Settings
    adb_port: int
    adb: Path | None
    server: str
    token: str
    is_server_wanted: bool = False


def examine(place: Place) -> list[Finding]:
    """All checks, one after the other."""
    return [
        check_python(),
        check_binary(place),
        check_adb_server(place),
        check_folder(place),
        check_disk(place),
        check_database(place),
        *check_server(place),
        check_port(place),
    ]


def check_python() -> Finding:
    version = ".".join(str(number) for number in sys.version_info[:3])
    return Finding("python", Level.OK, f"{version} on {sys.platform}")


def check_binary(place: Place) -> Finding:
    try:
        binary = asyncio.run(find_binary(place.adb))
    except AdbError as error:
        return Finding("adb binary", Level.FAIL, str(error), HOW_TO_GET_ONE)
    return Finding("adb binary", Level.OK, f"{binary.release} at {binary.path}")


def check_adb_server(place: Place) -> Finding:
    """None is fine (the agent starts its own), and so is a new enough one of somebody else."""
    name = f"adb server on port {place.adb_port}"
    try:
        found = asyncio.run(_find_server(place.adb_port))
    except AdbError as error:
        return Finding(name, Level.FAIL, str(error), "End it, or give the agent another port with --adb-port")
    if found is None:
        return Finding(name, Level.OK, "none runs; the agent starts its own")
    if found.warning:
        return Finding(name, Level.WARN, found.warning, "Make sure that it is 34 or newer")
    return Finding(name, Level.OK, f"{found.release} runs; the agent uses it and never ends it")


async def _find_server(port: int) -> Foreign | None:
    adb = Adb(port=port)
    try:
        return await examine_server(adb, ADB_MS)
    finally:
        await adb.close()


def _nearest(folder: Path) -> Path:
    """The folder, or the first one above it that exists."""
    whole = folder.absolute()
    return next(each for each in (whole, *whole.parents) if each.exists())


def check_folder(place: Place) -> Finding:
    """Writing there is tried with a file that is gone afterwards."""
    folder = place.settings.data
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)) as file:
            file.write(b"rackhand")
    except OSError as error:
        return Finding("data folder", Level.FAIL, f"{folder} cannot be written: {error}", "Mend its rights, or --data")
    return Finding("data folder", Level.OK, f"{folder.absolute()} can be written")


def check_disk(place: Place) -> Finding:
    free = shutil.disk_usage(_nearest(place.settings.data)).free
    level = Level.FAIL if free < NO_DISK else Level.WARN if free < LOW_DISK else Level.OK
    advice = "" if level is Level.OK else "Make room, or move the data folder: runs store screenshots and logs there"
    return Finding("disk", level, f"{free / 1024**3:.1f} GiB free", advice)


def check_database(place: Place) -> Finding:
    try:
        state = look(place.settings)
    except Conflict as error:
        return Finding("database", Level.OK, error.detail)
    except (RackhandError, OSError, ValueError) as error:
        return Finding("database", Level.FAIL, str(error), "Look at RACKHAND_DATABASE_URL and the database's own log")
    if state.is_current:
        return Finding("database", Level.OK, f"schema {state.current}, up to date")
    detail = f"schema {state.current or 'empty'}, needed is {state.head}"
    return Finding("database", Level.FAIL, detail, "Run rackhand db upgrade")


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
        _check_token(client, place),
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


def _check_token(client: Client, place: Place) -> Finding:
    if not place.token:
        return Finding("token", Level.WARN, "none is given", "Set RACKHAND_TOKEN or --token for the other commands")
    try:
        count = len(client.get("/api/nodes")["items"])
    except (NotAuthenticated, NotAllowed) as error:
        return Finding("token", Level.FAIL, error.detail, "Ask an admin for an API token")
    return Finding("token", Level.OK, f"accepted; the server knows {count} nodes")


def check_port(place: Place) -> Finding:
    """Whether the server's port could be taken, or is by a server that answers."""
    settings = place.settings
    name = f"port {settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_S)
        if probe.connect_ex((settings.host, settings.port)) != 0:
            return Finding(name, Level.OK, "is free")
    if _is_ours(settings):
        return Finding(name, Level.OK, "a rackhand server has it")
    advice = "Choose another one with --port or RACKHAND_PORT"
    return Finding(name, Level.WARN, "another program has it", advice)


def _is_ours(settings: Settings) -> bool:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        answer = Client(f"http://{host}:{settings.port}", "", ANSWER_S).get("/healthz")
    except (RackhandError, ValueError):
        return False
    return isinstance(answer, dict) and answer.get("status") == "ok"
