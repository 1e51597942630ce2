"""Statements over many rows: any number of values, whatever is in them, on both databases."""

import asyncio

import pytest
from sqlalchemy import select

from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.many import add_rows, among
from rackhand.store.tables import workspaces

HOSTILE = ("o'hara", 'a"b\\c', "[]", "{x}", "한글", "%s $1 ? :x", "")
MORE_THAN_FIT_INTO_AN_IN = 40_000
_W = workspaces.c


def add(tx: Tx) -> None:
    tells = [{"id": f"id {text}", "name": text, "created_at": place} for place, text in enumerate(HOSTILE)]
    add_rows(tx, workspaces, tells)
    add_rows(tx, workspaces, [])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (list(HOSTILE), set(HOSTILE)),
        (["한글", "nobody"], {"한글"}),
        (["o'hara"] * 2, {"o'hara"}),
        ([], set()),
        ([*(f"number {n}" for n in range(MORE_THAN_FIT_INTO_AN_IN)), "[]"], {"[]"}),
    ],
    ids=["all", "some", "twice", "none", "more than fit into an IN"],
)
def test_those_among_the_values_are_found(database: DatabasePlace, wanted: list[str], found: set[str]) -> None:
    def look(tx: Tx) -> list[tuple[str, int]]:
        rows = tx.conn.execute(select(_W.name, _W.created_at).where(among(tx, _W.name, wanted)))
        return [(row.name, row.created_at) for row in rows]

    async def story() -> None:
        async with database.started() as db:
            await db.write(add)
            assert sorted(await db.read(look)) == sorted((text, HOSTILE.index(text)) for text in found)

    asyncio.run(story())
