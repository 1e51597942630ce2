"""Renewal: a node lists the leases it holds; the live ones are renewed, every other one is to be dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

from rackhand.core.lease import Periods
from rackhand.store import leases
from rackhand.store.db import Tx


@dataclass(frozen=True, slots=True)
class Kept:
    """Tokens in the order they were given."""

    renewed: tuple[str, ...]
    cancelled: tuple[str, ...]


def renew(tx: Tx, node_id: str, tokens: Sequence[str], periods: Periods) -> Kept:
    """Renew the live leases among `tokens`; those of a stopping run, or not live, are cancelled."""
    live = leases.renewable(tx, node_id, tokens)
    if live:
        leases.renew(tx, live, tx.now + periods.lease_ms)
    return Kept(tuple(t for t in tokens if t in live), tuple(t for t in tokens if t not in live))


def cancelled(tx: Tx, node_id: str, tokens: Sequence[str]) -> tuple[str, ...]:
    """Which of the tokens are to be dropped, without renewing the others."""
    live = leases.renewable(tx, node_id, tokens)
    return tuple(token for token in tokens if token not in live)
