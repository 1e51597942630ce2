"""A backup is one tar file, whichever database and storage it came from and goes to:

    manifest.json      format, program, schema, when, sha256 of the database
    rackhand.sqlite3   all rows, a snapshot
    files/KEY, artifacts/KEY   contents that the rows name, each with its sha256
    end.json           how many contents, and which were gone or damaged; missing in a file that was cut off

Rows are taken first: a content that retention removes meanwhile is counted as gone, and none is there without its row.
"""

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select

from rackhand import __version__
from rackhand.core.clock import to_rfc3339
from rackhand.core.errors import Conflict, NotFound
from rackhand.store import copying, schema
from rackhand.store.blobs import CHUNK, BlobStore, key_of
from rackhand.store.connect import FILE_NAME, make_database
from rackhand.store.copying import Show
from rackhand.store.db import Database, Tx
from rackhand.store.db_sqlite import opened
from rackhand.store.tables import artifacts, files

FORMAT = 1
MANIFEST, END = "manifest.json", "end.json"
_SHA256 = "RACKHAND.sha256"
_IN_MEMORY = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """What is backed up or restored."""

    db: Database
    files: BlobStore
    artifacts: BlobStore

    def store_of(self, kind: str) -> BlobStore:
        return {"files": self.files, "artifacts": self.artifacts}[kind]


@dataclass(frozen=True, slots=True)
class Content:
    """A content that a row names."""

    kind: str
    key: str
    size: int
    sha256: str | None

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.key}"


@dataclass(slots=True)
class Report:
    """What came of it. `gone` and `damaged` name contents."""

    rows: int = 0
    contents: int = 0
    gone: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def total(tx: Tx) -> int:
    """How many steps a backup will show."""
    return copying.count(tx) + sum(1 for _ in _contents(tx))


def total_of(path: Path) -> int:
    """How many steps restoring it will show, by its manifest; Conflict if it has none."""
    try:
        with tarfile.open(path, "r:") as tar:
            first = tar.next()
            source = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
            if source is None:
                raise _broken(path, "it does not begin with a manifest")
            return int(_checked(path, json.load(source))["total"])
    except tarfile.TarError as error:
        raise _broken(path, str(error)) from error


async def write(place: Place, path: Path, show: Show) -> Report:
    """Back up while servers run. The file appears under its name when it is whole; Conflict if there is one already."""
    if path.exists():
        raise Conflict("{path} is there already; nothing was written: name a new file", path=path, code="exists")
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        with tempfile.TemporaryDirectory(dir=path.absolute().parent) as folder, tarfile.open(part, "w") as tar:
            report = await _write(place, tar, Path(folder) / FILE_NAME, show)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return report


async def _write(place: Place, tar: tarfile.TarFile, rows: Path, show: Show) -> Report:
    await copying.to_file(place.db, rows, show)
    with opened(rows) as tx:
        report = Report(rows=copying.count(tx))
        manifest = {
            "format": FORMAT,
            "rackhand": __version__,
            "schema": (await schema.check(place.db)).current,
            "made_at": to_rfc3339(tx.now),
            "database_sha256": _digest_of(rows),
            "total": total(tx),
        }
        _add_json(tar, MANIFEST, manifest)
        tar.add(rows, FILE_NAME)
        for content in _contents(tx):
            await _add_content(place, tar, content, report)
            show(report.rows + report.contents, content.kind)
    _add_json(tar, END, {"contents": report.contents, "gone": report.gone, "damaged": report.damaged})
    return report


def _contents(tx: Tx) -> Iterator[Content]:
    for sha256, size in tx.conn.execute(select(files.c.sha256, files.c.size)):
        yield Content("files", key_of(sha256), size, sha256)
    a = artifacts.c
    for key, size, sha256 in tx.conn.execute(select(a.storage_key, a.size, a.sha256).where(a.status == "stored")):
        yield Content("artifacts", key, size, sha256)


async def _add_content(place: Place, tar: tarfile.TarFile, content: Content, report: Report) -> None:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        digest = hashlib.sha256()
        try:
            async for chunk in await place.store_of(content.kind).open(content.key):
                digest.update(chunk)
                spool.write(chunk)
        except NotFound:
            report.gone.append(content.name)
            return
        if content.sha256 not in (None, digest.hexdigest()):
            report.damaged.append(content.name)
        info = tarfile.TarInfo(content.name)
        info.size, info.mode = spool.tell(), 0o600
        info.pax_headers = {_SHA256: digest.hexdigest()}
        spool.seek(0)
        tar.addfile(info, spool)
        report.contents += 1


def _add_json(tar: tarfile.TarFile, name: str, value: Any) -> None:
    text = json.dumps(value, indent=1).encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(text), 0o600
    tar.addfile(info, io.BytesIO(text))


async def restore(place: Place, path: Path, show: Show) -> Report:
    """Everything in a backup into an unused database. Contents come first and rows last, in one transaction: who stops
    in between has changed no row and may begin again. Conflict if the database is in use or the file is not whole."""
    await schema.upgrade(place.db)
    await place.db.read(copying.require_unused)
    with tempfile.TemporaryDirectory(dir=path.absolute().parent) as folder:
        rows = Path(folder) / FILE_NAME
        try:
            report = await _unpack(place, path, rows, show)
        except (tarfile.TarError, EOFError) as error:
            raise _broken(path, str(error)) from error
        await _make_current(rows)
        done = report.contents
        found = await copying.from_file(rows, place.db, lambda n, table: show(done + n, table))
        report.rows = sum(each.rows for each in found.values())
    return report


async def _unpack(place: Place, path: Path, rows: Path, show: Show) -> Report:
    report, manifest, end = Report(), dict[str, Any](), dict[str, Any]()
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            source = tar.extractfile(member)
            if source is None:
                continue
            if member.name == MANIFEST:
                manifest = _checked(path, json.load(source))
            elif member.name == END:
                end = json.load(source)
            elif member.name == FILE_NAME:
                _extract(source, rows)
            else:
                await _put_content(place, member, source)
                report.contents += 1
                show(report.contents, member.name.split("/")[0])
    if end.get("contents") != report.contents or not rows.exists():
        raise _broken(path, "it was cut off")
    if _digest_of(rows) != manifest.get("database_sha256"):
        raise _broken(path, "its database has another sha256 than its manifest says")
    report.gone, report.damaged = end["gone"], end["damaged"]
    return report


def _checked(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest.get("format") != FORMAT:
        raise _broken(path, f"its format is {manifest.get('format')}, known is {FORMAT}")
    return manifest


async def _put_content(place: Place, member: tarfile.TarInfo, source: IO[bytes]) -> None:
    kind, _, key = member.name.partition("/")
    if kind not in ("files", "artifacts"):
        return
    sha256 = member.pax_headers.get(_SHA256)
    await place.store_of(kind).put(key, _chunks(source.read), max_size=member.size, expected_sha256=sha256)


async def _chunks(read: Callable[[int], bytes]) -> AsyncIterator[bytes]:
    while chunk := read(CHUNK):
        yield chunk


def _extract(source: IO[bytes], path: Path) -> None:
    with path.open("xb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


async def _make_current(rows: Path) -> None:
    """A backup of an older schema is upgraded before it is read."""
    database = make_database(f"sqlite:///{rows}", rows.parent)
    await database.start()
    try:
        await schema.upgrade(database)
    finally:
        await database.close()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _broken(path: Path, reason: str) -> Conflict:
    return Conflict(
        "{path} is not a whole backup ({reason}); no row was changed: use another one",
        path=path,
        reason=reason,
        code="broken_backup",
    )
