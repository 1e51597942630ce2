"""API tokens: list, make, revoke. The token itself is shown once and stored only as its hash."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from rackhand.core.clock import Millis
from rackhand.core.errors import NotFound
from rackhand.engine.access import Actor, audit
from rackhand.store import access
from rackhand.store.access import TokenRow
from rackhand.store.db import Tx


@dataclass(frozen=True, slots=True)
class TokenView:
    """An API token without its secret."""

    id: str
    name: str
    role: str
    scope: str
    created_at: Millis
    created_by: str | None
    expires_at: Millis | None
    last_used_at: Millis | None
    revoked_at: Millis | None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token; `token` is shown this once."""

    id: str
    token: str
    name: str
    role: str
    scope: str
    expires_at: Millis | None


@dataclass(frozen=True, slots=True)
class TokenList:
    """All tokens, revoked ones too."""

    items: tuple[TokenView, ...]


def list_tokens(tx: Tx) -> TokenList:
    """Oldest first."""
    return TokenList(tuple(_view(row) for row in access.list_tokens(tx)))


def issue_token(tx: Tx, actor: Actor, body: dict[str, Any]) -> IssuedToken:
    """Make a token of `{name, role, scope, expires_in_s}`."""
    token = f"rh_{secrets.token_urlsafe(32)}"
    expires_at = None if body["expires_in_s"] is None else tx.now + body["expires_in_s"] * 1000
    row = TokenRow(tx.mint(), body["name"], body["role"], body["scope"], tx.now, actor.name, expires_at, None, None)
    access.add_token(tx, row, hashlib.sha256(token.encode()).hexdigest())
    audit(tx, actor, "token.issue", f"token:{row.id}", {"name": row.name, "role": row.role, "scope": row.scope})
    return IssuedToken(row.id, token, row.name, row.role, row.scope, expires_at)


def revoke_token(tx: Tx, actor: Actor, token_id: str) -> None:
    """From now on the token is not valid; NotFound if there is none."""
    row = access.get_token(tx, token_id)
    if row is None:
        raise NotFound("there is no token {id}", id=token_id[:64])
    if row.revoked_at is None:
        access.revoke_token(tx, token_id)
        audit(tx, actor, "token.revoke", f"token:{token_id}", {"name": row.name})


def _view(row: TokenRow) -> TokenView:
    return TokenView(**{name: getattr(row, name) for name in TokenRow.__slots__})
