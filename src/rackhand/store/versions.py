"""What database this is, and whether its version is one that may be used. No table is touched."""

from dataclasses import dataclass

from rackhand.store.db import Tx

SOUND_SQLITE = (3, 51, 3)
"""Before it, a WAL file that is reset at the wrong moment can corrupt the database."""
OLDEST_POSTGRESQL = (14,)


@dataclass(frozen=True, slots=True)
class DatabaseVersion:
    """`kind` for people; `oldest` is the first version without known trouble."""

    kind: str
    version: str
    oldest: str
    is_sound: bool


def read(tx: Tx) -> DatabaseVersion:
    if tx.dialect == "sqlite":
        return _judge("SQLite", str(tx.conn.exec_driver_sql("SELECT sqlite_version()").scalar_one()), SOUND_SQLITE)
    words = str(tx.conn.exec_driver_sql("SHOW server_version").scalar_one()).split()
    return _judge("PostgreSQL", words[0], OLDEST_POSTGRESQL)


def _judge(kind: str, version: str, oldest: tuple[int, ...]) -> DatabaseVersion:
    """`17beta1` and the like count as 17."""
    digits = [part for part in version.replace("beta", ".").replace("rc", ".").replace("devel", "").split(".") if part]
    return DatabaseVersion(kind, version, ".".join(map(str, oldest)), tuple(map(int, digits)) >= oldest)
