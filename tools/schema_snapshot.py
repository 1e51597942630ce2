"""Writes tests/store/schemas/NAME/: a database of today's schema with rows from real use, for both databases.

    python -m tools.schema_snapshot 1.0.0 postgresql://postgres@/empty?host=/tmp/pg

Run it once for each release, before its tag; tests/store/test_upgrade.py upgrades every snapshot for ever after. The
PostgreSQL database must be empty, and pg_dump on PATH. A snapshot that was released is never written again.
"""

import asyncio
import gzip
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rackhand.core.schema import parse
from rackhand.engine import accounts, preferences, scans, sessions, tokens
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.engine.preferences import PREFERENCES
from rackhand.store import schema
from rackhand.store.connect import make_database
from rackhand.store.fake import FakeClock

SCHEMAS = Path(__file__).resolve().parent.parent / "tests" / "store" / "schemas"


async def live(lab: Lab) -> None:
    """A morning in a lab: every table that people and nodes fill has rows afterwards."""
    await lab.node("PC-01", 3)
    await lab.node("PC-02", 2, battery=80, temperature_c=30.5, storage_free_mb=9_000)
    await lab.db.write(accounts.create_user, SYSTEM, "kim", "operator", None)
    user = await lab.db.write(accounts.create_user, SYSTEM, "lee", "admin", None)
    await lab.db.write(sessions.open_session, user.id)
    await lab.db.write(tokens.issue_token, SYSTEM, {"name": "ci", "role": "operator", "expires_in_s": None})
    await lab.db.write(preferences.change, SYSTEM, parse(PREFERENCES, {"policy": {"concurrency": 2}}))
    await lab.db.write(scans.create, SYSTEM, {"node_id": "PC-01"}, lab.periods)
    playbook = await lab.playbook({"kind": "shell", "params": {"command": "id"}}, {"kind": "screenshot"})
    await finish(lab, playbook, "succeeded")
    await finish(lab, playbook, "failed")
    await lab.run(playbook, {"scope": "nodes", "nodes": ["PC-02"]})
    (job, *_) = (await lab.pull("PC-02")).jobs
    await lab.report(lab.started("PC-02", job), lab.step("PC-02", job, 2, 0, "succeeded", output_tail="uid=0"))
    await lab.report(artifact(lab, job))
    await lab.run(playbook)
    await lab.sweep(after_ms=2_000)


async def finish(lab: Lab, playbook: str, status: str) -> None:
    """A run over PC-01 that ends."""
    await lab.run(playbook, {"scope": "nodes", "nodes": ["PC-01"]})
    while jobs := (await lab.pull("PC-01")).jobs:
        for job in jobs:
            await lab.execute("PC-01", job, status)


def artifact(lab: Lab, job: Any) -> dict[str, Any]:
    about = {"step_index": 0, "kind": "log", "content_type": "text/plain", "size": 3, "sha256": "0" * 64}
    event = lab.event("PC-02", job, "artifact_created", 3, artifact_id="a1")
    event["payload"] |= about
    return event


async def fill(url: str) -> None:
    clock = FakeClock()
    database = make_database(url, Path(), clock=clock)
    await database.start()
    try:
        await schema.upgrade(database)
        await live(Lab(database, clock))
    finally:
        await database.close()


def dump_sqlite(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return "\n".join(connection.iterdump()) + "\n"
    finally:
        connection.close()


def dump_postgresql(url: str) -> str:
    """INSERTs, since COPY data is no SQL; without session settings, which other versions may not know."""
    words = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", "--dbname", url]
    text = subprocess.run(words, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    kept = [line for line in text.splitlines() if not line.startswith(("\\", "SET ", "--"))]
    return "\n".join(line for line in kept if line and "set_config" not in line) + "\n"


def write(folder: Path, dialect: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{dialect}.sql.gz").open("wb") as file, gzip.GzipFile("", "wb", 9, file, 0) as packed:
        packed.write(text.encode())


def main() -> None:
    name, url = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "snapshot.sqlite3"
        asyncio.run(fill(f"sqlite:///{path}"))
        write(SCHEMAS / name, "sqlite", dump_sqlite(path))
    asyncio.run(fill(url))
    write(SCHEMAS / name, "postgresql", dump_postgresql(url))


if __name__ == "__main__":
    main()
