"""Requests that may be sent again: the first answer of a key is given again for 24 h, and nothing is done twice."""

from dataclasses import dataclass

from rackhand.core.errors import Conflict, FieldError, Invalid
from rackhand.store import idempotency
from rackhand.store.db import Tx

KEPT_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A key in use: `scope` is credential and route."""

    scope: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer that the key already has."""

    status: int
    body: bytes


def begin(tx: Tx, claim: Claim) -> Stored | None:
    """None: go on, the key is yours. Conflict while its first request runs; Invalid if that had another body."""
    forget_old(tx)
    if idempotency.claim(tx, claim.scope, claim.key, claim.request_hash):
        return None
    found = idempotency.get(tx, claim.scope, claim.key)
    if found is not None and found.request_hash != claim.request_hash:
        raise Invalid(
            [
                FieldError(
                    "/headers/Idempotency-Key",
                    "was used with another body within the last 24 h; nothing was changed: use a new key",
                )
            ]
        )
    if found is None or found.status is None:
        raise Conflict(
            "the first request with this Idempotency-Key has no answer yet; nothing was changed: "
            "try again in a moment, and if it stays so, look whether the first one took effect",
            code="in_flight",
        )
    return Stored(found.status, (found.body or "").encode())


def forget_old(tx: Tx) -> None:
    """Keys of yesterday may be used again."""
    idempotency.forget_before(tx, tx.now - KEPT_MS)


def finish(tx: Tx, claim: Claim, status: int, body: bytes) -> None:
    """Keep the answer of a request that took effect."""
    idempotency.complete(tx, claim.scope, claim.key, status, body.decode())


def give_up(tx: Tx, claim: Claim) -> None:
    """Free the key of a request that was refused or failed: it changed nothing."""
    idempotency.release(tx, claim.scope, claim.key)
