"""API and node tokens in SQL. Secrets come in as hashes; no rule is decided here."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from rackhand.core.clock import Millis
from rackhand.store.db import Tx
from rackhand.store.tables import api_tokens, nodes


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row of api_tokens, its hash left out."""

    id: str
    name: str
    role: str
    scope: str
    created_at: Millis
    created_by: str | None
    expires_at: Millis | None
    last_used_at: Millis | None
    revoked_at: Millis | None

    def is_valid(self, now: Millis) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


_TOKEN = tuple(api_tokens.c[name] for name in TokenRow.__slots__)
# Every request looks for its token: these statements are put together once.
_BY_HASH = select(*_TOKEN).where(api_tokens.c.token_hash == bindparam("hash"))
_NODE_BY_HASH = select(nodes.c.id).where(
    nodes.c.workspace_id == bindparam("workspace"), nodes.c.token_hash == bindparam("hash")
)


def find_token(tx: Tx, token_hash: str) -> TokenRow | None:
    """The API token with this hash, valid or not."""
    row = tx.conn.execute(_BY_HASH, {"hash": token_hash}).first()
    return None if row is None else TokenRow(*row)


def add_token(tx: Tx, token: TokenRow, token_hash: str) -> None:
    """Insert a token by its hash."""
    values = {name: getattr(token, name) for name in TokenRow.__slots__}
    tx.conn.execute(insert(api_tokens).values(workspace_id=tx.workspace_id, token_hash=token_hash, **values))


def get_token(tx: Tx, token_id: str) -> TokenRow | None:
    """One token, revoked or not."""
    row = tx.conn.execute(select(*_TOKEN).where(*_is(tx, token_id))).first()
    return None if row is None else TokenRow(*row)


def list_tokens(tx: Tx) -> list[TokenRow]:
    """All tokens, oldest first."""
    statement = select(*_TOKEN).where(api_tokens.c.workspace_id == tx.workspace_id).order_by(api_tokens.c.id)
    return [TokenRow(*row) for row in tx.conn.execute(statement)]


def revoke_token(tx: Tx, token_id: str) -> None:
    """Make a token invalid from now on."""
    tx.conn.execute(update(api_tokens).where(*_is(tx, token_id)).values(revoked_at=tx.now))


def _is(tx: Tx, token_id: str) -> tuple[Any, ...]:
    return (api_tokens.c.workspace_id == tx.workspace_id, api_tokens.c.id == token_id)


def find_node_by_token(tx: Tx, token_hash: str) -> str | None:
    """The id of the node with this token hash."""
    wanted = {"workspace": tx.workspace_id, "hash": token_hash}
    found: str | None = tx.conn.execute(_NODE_BY_HASH, wanted).scalar_one_or_none()
    return found


def is_node_token(tx: Tx, node_id: str, token_hash: str) -> bool:
    """Whether the node has this token now."""
    where = (nodes.c.workspace_id == tx.workspace_id, nodes.c.id == node_id, nodes.c.token_hash == token_hash)
    return tx.conn.execute(select(nodes.c.id).where(*where)).first() is not None


def touch_token(tx: Tx, token_id: str) -> None:
    """Note that a token was used now."""
    tx.conn.execute(update(api_tokens).where(*_is(tx, token_id)).values(last_used_at=tx.now))


def last_use(tx: Tx, token_id: str) -> Millis | None:
    """When a token was last noted as used."""
    row = get_token(tx, token_id)
    return None if row is None else row.last_used_at
