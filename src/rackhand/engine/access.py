"""Who asks, and what they may do: actors, roles and their audit rows. Credentials are looked up by their hash only."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from rackhand.core.errors import NotAuthenticated
from rackhand.store import access
from rackhand.store import audit as rows
from rackhand.store.db import Tx

USE_WRITE_MS = 60_000


class Role(StrEnum):
    """What an operator may do; each includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(StrEnum):
    """What of its role a token may use: all; reading only; or reading what operators read, and runs."""

    FULL = "full"
    READ = "read"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sent a request. `role` is None for a node and for who could not say who they are, `node_id` is None for
    everybody but nodes."""

    kind: Literal["user", "token", "node", "bootstrap", "system", "nobody"]
    id: str
    role: Role | None
    node_id: str | None = None
    remote_addr: str | None = None
    scope: Scope = Scope.FULL

    @property
    def name(self) -> str:
        """As in the audit log: `user:kim`, `node:PC-01`, `bootstrap`."""
        return self.kind if self.kind in ("bootstrap", "system", "nobody") else f"{self.kind}:{self.id}"


SYSTEM = Actor("system", "system", Role.ADMIN)
"""The server itself: presets, sweeps."""


def audit(tx: Tx, actor: Actor, action: str, subject: str | None = None, detail: dict[str, Any] | None = None) -> None:
    """Note in this transaction that `actor` did `action` (`node.enrol`) to `subject` (`node:PC-01`)."""
    rows.add_audit(tx, actor.name, action, subject, detail or {}, actor.remote_addr)


def by_token(tx: Tx, token_hash: str, remote_addr: str | None) -> Actor:
    """The actor behind an API or node token; NotAuthenticated if there is none, or it was revoked or ran out.

    Nodes are looked for first: most requests are theirs.
    """
    node_id = access.find_node_by_token(tx, token_hash)
    if node_id is not None:
        return Actor("node", node_id, None, node_id, remote_addr)
    token = access.find_token(tx, token_hash)
    if token is not None and token.is_valid(tx.now):
        return Actor("token", token.id, Role(token.role), None, remote_addr, Scope(token.scope))
    raise NotAuthenticated("the token is not known, was revoked or ran out; nothing was changed: use a valid token")


def require_node_token(tx: Tx, node_id: str, token_hash: str) -> None:
    """NotAuthenticated if the token of a node was rotated, or the node removed, since a request of it began."""
    if not access.is_node_token(tx, node_id, token_hash):
        raise NotAuthenticated("the token of this node was revoked meanwhile; nothing was handed out: use the new one")


def is_use_due(tx: Tx, token_id: str) -> bool:
    """Whether the use of a token should be noted: at most once a minute."""
    last = access.last_use(tx, token_id)
    return last is None or tx.now - last >= USE_WRITE_MS


def note_use(tx: Tx, token_id: str) -> None:
    """Note that a token was used now."""
    access.touch_token(tx, token_id)
