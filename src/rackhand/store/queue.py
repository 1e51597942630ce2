"""Procrastinate's place on the product's PostgreSQL: a schema of its own, made by the first worker that needs it.

The schema's name holds the library's version: workers of two versions of the product, as in a rolling upgrade, each use
their own and do not see the other. Nothing in it needs to be kept: what was done when stands in the table `jobs`.
"""

import re

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager
from sqlalchemy import make_url

SCHEMA = "rackhand_worker_" + re.sub(r"[^0-9a-z]+", "_", procrastinate.__version__.lower())
_LOCK_NUMBER = 0x7261636C  # one above the lock of the migrations
CONNECTIONS = 4


def to_conninfo(url: str) -> str:
    """Any PostgreSQL address as people write it, for libpq; asyncpg's `ssl` becomes `sslmode`."""
    parsed = make_url(url).set(drivername="postgresql")
    query = {("sslmode" if name == "ssl" else name): value for name, value in parsed.query.items()}
    return parsed.set(query=query).render_as_string(hide_password=False)


def make_connector(url: str) -> procrastinate.PsycopgConnector:
    """A connector that looks into that schema only; not open yet."""
    return procrastinate.PsycopgConnector(
        conninfo=to_conninfo(url),
        kwargs={"options": f"-c search_path={SCHEMA}", "application_name": "rackhand worker"},
        min_size=1,
        max_size=CONNECTIONS,
    )


async def prepare(url: str) -> bool:
    """Make the schema if it is missing, whole or not at all; whether it was. Workers may start together."""
    async with await psycopg.AsyncConnection.connect(to_conninfo(url)) as conn:
        await conn.execute(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
        found = await (await conn.execute(f"SELECT to_regclass('{SCHEMA}.procrastinate_jobs')")).fetchone()
        if found is not None and found[0] is not None:
            return False
        await conn.execute(f"CREATE SCHEMA {SCHEMA}")
        await conn.execute(f"SET LOCAL search_path TO {SCHEMA}")
        await conn.execute(SchemaManager.get_schema())
        return True
