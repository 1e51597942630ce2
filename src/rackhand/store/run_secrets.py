"""Sealed values of runs in SQL. They come in encrypted and go out encrypted; no key is known here."""

from collections.abc import Collection, Mapping
from typing import NewType

from sqlalchemy import insert, select

from rackhand.store.db import Tx
from rackhand.store.tables import run_secrets

Sealed = NewType("Sealed", str)
"""An encrypted value."""

_S = run_secrets.c


def add(tx: Tx, run_id: str, sealed: Mapping[str, Sealed]) -> None:
    """Insert the values of a new run by name."""
    own = {"workspace_id": tx.workspace_id, "run_id": run_id}
    if sealed:
        tx.conn.execute(insert(run_secrets), [own | {"name": name, "sealed": sealed[name]} for name in sorted(sealed)])


def get(tx: Tx, run_id: str) -> dict[str, Sealed]:
    """The values of one run by name."""
    return get_many(tx, [run_id]).get(run_id, {})


def get_many(tx: Tx, run_ids: Collection[str]) -> dict[str, dict[str, Sealed]]:
    """The values of runs; those without any are left out."""
    where = (_S.workspace_id == tx.workspace_id, _S.run_id.in_(sorted(run_ids)))
    found: dict[str, dict[str, Sealed]] = {}
    for run_id, name, sealed in tx.conn.execute(select(_S.run_id, _S.name, _S.sealed).where(*where).order_by(_S.name)):
        found.setdefault(run_id, {})[name] = Sealed(sealed)
    return found
