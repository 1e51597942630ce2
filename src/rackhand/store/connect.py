"""From addresses to an open Database and BlobStore. The one place that knows every implementation."""

import os
from pathlib import Path

from sqlalchemy import make_url

from rackhand.store.blobs import BlobStore, DirectoryBlobs
from rackhand.store.blobs_s3 import S3Blobs
from rackhand.store.db import Clock, Database, Entropy
from rackhand.store.db_postgresql import PostgresqlDatabase
from rackhand.store.db_sqlite import SqliteDatabase

FILE_NAME = "rackhand.sqlite3"


def make_database(
    url: str | None,
    data_dir: Path,
    *,
    clock: Clock | None = None,
    entropy: Entropy = os.urandom,
    statement_cache: bool = True,
    pool_size: int = 10,
    direct_url: str = "",
) -> Database:
    """No URL: a SQLite file in `data_dir`. Else `sqlite:///PATH`, `postgresql://`, `postgres://`; or ValueError.

    `direct_url` is for what a connection pooler cannot do (LISTEN); empty: the same as `url`.
    """
    if not url:
        return SqliteDatabase(data_dir / FILE_NAME, clock=clock, entropy=entropy)
    scheme = url.split(":", 1)[0].split("+", 1)[0]
    if scheme == "sqlite":
        return SqliteDatabase(_sqlite_path(url), clock=clock, entropy=entropy)
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"the database URL begins with {scheme!r}; known are sqlite:///PATH and postgresql://")
    return PostgresqlDatabase(
        url,
        clock=clock,
        entropy=entropy,
        statement_cache=statement_cache,
        pool_size=pool_size,
        direct_url=direct_url,
    )


def make_blobs(url: str, data_dir: Path, kind: str) -> BlobStore:
    """Contents of one kind (files, artifacts): a folder in `data_dir`, or below s3://BUCKET[/PREFIX]; or ValueError."""
    if not url:
        return DirectoryBlobs(data_dir / kind)
    return S3Blobs(f"{url.rstrip('/')}/{kind}", data_dir / kind)


def _sqlite_path(url: str) -> Path:
    name = make_url(url).database
    if not name or name == ":memory:":
        raise ValueError("a SQLite database needs a file: sqlite:///PATH")
    return Path(name)
