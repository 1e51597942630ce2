"""The checks of `rackhand doctor`: each looks at one thing, changes nothing, and says what to do."""

import asyncio
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from rackhand.agent.adb.binary import HOW_TO_GET_ONE, find_binary
from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.errors import AdbError
from rackhand.agent.adb.foreign import Foreign
from rackhand.agent.adb.foreign import examine as examine_server
from rackhand.cli.checks_server import ANSWER_S, check_server
from rackhand.cli.checks_usb import check_usb
from rackhand.cli.client import Client
from rackhand.cli.db import ask, look
from rackhand.cli.finding import Finding, Level, Place
from rackhand.core.disk import MIB
from rackhand.core.errors import Conflict, RackhandError
from rackhand.server.settings import Settings
from rackhand.server.web import assets
from rackhand.store import versions
from rackhand.store.db import Database
from rackhand.store.schema import SchemaState
from rackhand.store.versions import DatabaseVersion

ROOM = 5
"""Less free space than so many times the watermark is worth a warning."""
ADB_MS = 5_000


def examine(place: Place) -> list[Finding]:
    """All checks, one after the other."""
    return [
        check_python(),
        check_binary(place),
        check_adb_server(place),
        *check_usb(),
        check_front_end(),
        check_folder(place),
        check_disk(place),
        *check_database(place),
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
    """Against the watermark below which the server starts no run."""
    free = shutil.disk_usage(_nearest(place.settings.data)).free
    wanted = place.settings.min_free_mb * MIB
    level = Level.FAIL if free < wanted else Level.WARN if free < ROOM * wanted else Level.OK
    advice = "" if level is Level.OK else "Make room, or move the data folder: runs store screenshots and logs there"
    detail = f"{free / 1024**3:.1f} GiB free; below {wanted / 1024**3:.1f} GiB no run starts (RACKHAND_MIN_FREE_MB)"
    return Finding("disk", level, detail, advice)


def check_front_end() -> Finding:
    """The pages need the built scripts and styles; the API does not."""
    try:
        built = assets.manifest().values()
    except assets.NotBuilt as error:
        return Finding("front end", Level.WARN, str(error), "Run make setup in a checkout, or install the wheel")
    lost = [name for name in built if not (assets.DIST / name).is_file()]
    if lost:
        return Finding("front end", Level.FAIL, f"{lost[0]} is missing", "Install Rackhand again")
    return Finding("front end", Level.OK, "is built")


def check_database(place: Place) -> list[Finding]:
    """Its kind, version, reachability and schema; a SQLite file that is not there yet is not made by looking."""
    try:
        state = look(place.settings)
        version = ask(place.settings, _version)
    except Conflict as error:
        return [Finding("database", Level.OK, error.detail)]
    except (RackhandError, OSError, ValueError) as error:
        advice = "Look at RACKHAND_DATABASE_URL and the database's own log"
        return [Finding("database", Level.FAIL, str(error), advice)]
    return [_judge_version(version), _judge_schema(state)]


async def _version(database: Database) -> DatabaseVersion:
    return await database.read(versions.read)


def _judge_version(found: DatabaseVersion) -> Finding:
    detail = f"{found.kind} {found.version} answers"
    if found.is_sound:
        return Finding("database", Level.OK, detail)
    if found.kind == "SQLite":
        detail += f"; before {found.oldest} resetting the WAL can corrupt a database"
        return Finding("database", Level.WARN, detail, "Install pysqlite3 >= 0.6.1, which carries a newer one")
    return Finding("database", Level.FAIL, f"{detail}; {found.oldest} or newer is needed", "Upgrade PostgreSQL")


def _judge_schema(state: SchemaState) -> Finding:
    if state.is_current:
        return Finding("schema", Level.OK, f"{state.current}, up to date")
    detail = f"{state.current or 'empty'}, this program needs {state.head}"
    if state.is_newer:
        return Finding("schema", Level.FAIL, f"{detail}: a newer rackhand upgraded it", "Start the newer rackhand")
    return Finding("schema", Level.FAIL, detail, "Run rackhand db upgrade; rackhand serve does so at its start")


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
