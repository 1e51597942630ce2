"""JSON columns and the pieces of SQL that are made from our own names."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Select, column, select, update

from rackhand.core.states import RunStatus
from rackhand.store.db import Tx
from rackhand.store.fake import DatabasePlace
from rackhand.store.metadata import literals, one_of
from rackhand.store.tables import workspaces

VALUES: list[Any] = [{}, [], {"a": [1, 2.5, None, True], "한": "글 ' \" \\"}, "text", 7, 0, False, 2**53 - 1]


@pytest.mark.parametrize("value", VALUES)
def test_json_comes_back_as_it_was(database: DatabasePlace, value: Any) -> None:
    def keep(tx: Tx) -> Any:
        tx.conn.execute(update(workspaces).values(settings=value))
        return tx.conn.execute(select(workspaces.c.settings)).scalar_one()

    async def story() -> None:
        async with database.started() as db:
            kept = await db.write(keep)
            assert kept == value
            assert type(kept) is type(value)

    asyncio.run(story())


def test_literals_are_part_of_the_statement() -> None:
    statement: Select[Any] = select(column("id")).where(column("status").in_(literals([*RunStatus][:2])))
    assert "status IN ('queued', 'running')" in str(statement)


@pytest.mark.parametrize("bad", ["it's", "A", "a b", "", "a;--"])
def test_only_state_names_become_literals(bad: str) -> None:
    with pytest.raises(ValueError, match="not plain"):
        literals([bad])
    with pytest.raises(ValueError, match="not plain"):
        one_of("status", [bad])
