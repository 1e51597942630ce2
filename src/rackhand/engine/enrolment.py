"""Nodes as operators handle them: enrol, list, rename, rotate, drain, delete. What nodes themselves say is in nodes."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from rackhand.core import reasons
from rackhand.core.clock import Millis
from rackhand.core.errors import Conflict, FieldError, Invalid, NotFound
from rackhand.core.ids import RESERVED_NODE_IDS, is_node_id
from rackhand.core.schema import Boolean, Field, Record, Text
from rackhand.engine.access import Actor, audit
from rackhand.engine.closing import close_node_runs
from rackhand.engine.paging import decode_cursor, encode_cursor
from rackhand.store import inventory, nodes
from rackhand.store.db import Tx
from rackhand.store.nodes import NodeRow

_NAME = Text(min=1, max=200)
NODE = Record({"id": Text(min=1, max=63), "name": Field(_NAME, None)})
NODE_CHANGE = Record({"name": _NAME})
DRAIN = Record({"drain": Field(Boolean(), True)})
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class EnrolledNode:
    """A node and its token: shown once, stored only as a hash."""

    id: str
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class TransportView:
    """A transport whose serial cannot be read, such as an unauthorized phone."""

    runtime_handle: str
    adb_state: str | None
    last_error_message: str | None
    last_seen_at: Millis


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node with what it last said. Times, never ages."""

    id: str
    name: str
    state: str
    online: bool
    last_seen_at: Millis | None
    agent_version: str | None
    adb_version: str | None
    capacity: int
    device_count: int
    online_device_count: int
    unidentified: tuple[TransportView, ...]
    last_error_message: str | None
    rev: int
    created_at: Millis


@dataclass(frozen=True, slots=True)
class NodeList:
    """Some nodes; `next_cursor` gets the following ones, null at the end."""

    items: tuple[NodeView, ...]
    next_cursor: str | None


def hash_token(token: str) -> str:
    """What is stored of a token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def enrol(tx: Tx, actor: Actor, body: dict[str, Any]) -> EnrolledNode:
    """Register a node and make its token; Conflict if the id is taken."""
    node_id = body["id"]
    if not is_node_id(node_id):
        raise Invalid([_why_not(node_id)])
    rev = inventory.touch_fleet(tx)  # first: who holds the fleet's row enrols alone
    if nodes.get(tx, node_id) is not None:
        raise Conflict(
            "there is a node {node} already; nothing was changed: rotate its token, or use another id", node=node_id
        )
    token, name = secrets.token_urlsafe(TOKEN_BYTES), body["name"] or node_id
    nodes.add(tx, node_id, name, hash_token(token), rev)
    audit(tx, actor, "node.enrol", f"node:{node_id}", {"name": name})
    return EnrolledNode(node_id, name, token)


def _why_not(node_id: str) -> FieldError:
    if node_id.lower() in RESERVED_NODE_IDS:
        return FieldError("/id", "is a word of the routes; choose another")
    return FieldError(
        "/id", "must begin with a letter or digit and have only letters, digits, dot, underscore and hyphen, at most 63"
    )


def list_nodes(tx: Tx, *, cursor: str | None = None, limit: int = 500) -> NodeList:
    """Nodes in the order of their ids."""
    after = decode_cursor(cursor, tuple[str])
    rows = [row for row in nodes.all_nodes(tx) if after is None or row.id > after[0]]
    following = encode_cursor(rows[limit - 1].id) if len(rows) > limit else None
    return NodeList(_views(tx, rows[:limit]), following)


def get(tx: Tx, node_id: str) -> NodeView:
    """One node; NotFound."""
    return _views(tx, [_load(tx, node_id, for_update=False)])[0]


def _views(tx: Tx, rows: list[NodeRow]) -> tuple[NodeView, ...]:
    counts, seen = nodes.device_counts(tx), nodes.transports(tx)
    return tuple(
        NodeView(
            id=row.id,
            name=row.name,
            state=row.state,
            online=row.is_online,
            last_seen_at=row.last_seen_at,
            agent_version=row.agent_version,
            adb_version=row.adb_version,
            capacity=row.capacity,
            device_count=counts.get(row.id, (0, 0))[0],
            online_device_count=counts.get(row.id, (0, 0))[1],
            unidentified=tuple(
                TransportView(t.runtime_handle, t.adb_state, t.last_error_message, t.last_seen_at)
                for t in seen
                if t.node_id == row.id
            ),
            last_error_message=row.last_error_message,
            rev=row.rev,
            created_at=row.created_at,
        )
        for row in rows
    )


def _load(tx: Tx, node_id: str, *, for_update: bool = True) -> NodeRow:
    row = nodes.get(tx, node_id, for_update=for_update)
    if row is None:
        raise NotFound("there is no node {node}; nothing was changed", node=node_id[:63])
    return row


def rename(tx: Tx, actor: Actor, node_id: str, body: dict[str, Any]) -> NodeView:
    """Change what people read."""
    _load(tx, node_id)
    nodes.change(tx, node_id, name=body["name"], rev=inventory.touch_fleet(tx))
    audit(tx, actor, "node.rename", f"node:{node_id}", {"name": body["name"]})
    return get(tx, node_id)


def rotate(tx: Tx, actor: Actor, node_id: str) -> EnrolledNode:
    """A new token; the old one is refused from this commit on."""
    row, token = _load(tx, node_id), secrets.token_urlsafe(TOKEN_BYTES)
    nodes.change(tx, node_id, token_hash=hash_token(token))
    audit(tx, actor, "node.rotate", f"node:{node_id}")
    return EnrolledNode(node_id, row.name, token)


def drain(tx: Tx, actor: Actor, node_id: str, body: dict[str, Any]) -> NodeView:
    """`drain`: the node ends what it has and claims nothing new; false: it works again."""
    row, state = _load(tx, node_id), "draining" if body["drain"] else "active"
    if row.state != state:
        nodes.change(tx, node_id, state=state, rev=inventory.touch_fleet(tx))
        audit(tx, actor, "node.drain", f"node:{node_id}", {"state": state})
    return get(tx, node_id)


def remove(tx: Tx, actor: Actor, node_id: str) -> None:
    """Forget a node: its token dies, its work is closed, its devices stay in the inventory without a node."""
    _load(tx, node_id)
    close_node_runs(tx, node_id, reasons.NODE_DELETED.format(node=node_id))
    nodes.remove(tx, node_id, inventory.touch_fleet(tx, layout=True))
    audit(tx, actor, "node.delete", f"node:{node_id}")
