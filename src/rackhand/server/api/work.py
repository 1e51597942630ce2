"""Routes of the node agent: pull, callback, artifact upload, files."""

import asyncio
import binascii
import re
import time
from base64 import b64decode
from typing import Any

import msgspec
from litestar import get, post, put
from litestar.params import FromPath

from rackhand.core.errors import Conflict, FieldError, Invalid, Malformed, NotAllowed
from rackhand.core.message import Message
from rackhand.core.schema import Field, Integer, ListOf, Record, Text
from rackhand.engine import access, artifacts, files, work
from rackhand.engine.artifacts import StoredArtifact
from rackhand.engine.callbacks import Reply
from rackhand.engine.callbacks import Request as CallbackRequest
from rackhand.engine.folding import Item
from rackhand.server import logs
from rackhand.server.auth import credential, hash_token
from rackhand.server.content import serve
from rackhand.server.contract import (
    NODE,
    Content,
    Request,
    Response,
    actor_of,
    answer,
    operation,
    read_body,
    require_type,
)
from rackhand.server.room import Parts, Room
from rackhand.store.artifacts import storage_key
from rackhand.store.blobs import key_of
from rackhand.store.db import Tx
from rackhand.wire import codec
from rackhand.wire.messages import BatchAnswer, BatchResult, EventType, PullAnswer, SingleAnswer

PULL = Record(
    {
        "node_id": Text(1, 63),
        "max_jobs": Field(Integer(0, 1000), 1),
        "wait_ms": Field(Integer(0, 30_000), 0),
        "held": Field(ListOf(Text(1, 64), max=5000), []),
    }
)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):", re.ASCII)
_NOT_LEASED = frozenset(EventType) - codec.LEASED


def _own_node(request: Request, node_id: str) -> str:
    own = actor_of(request).node_id
    if node_id != own:
        raise NotAllowed(
            "this token is of node {own}, not of {node}; nothing was changed",
            own=own,
            node=node_id[:64],
            code="foreign_node",
        )
    return node_id


@post(
    "/api/nodes/pull",
    **operation("Work for a node (long poll)", role=NODE, body=PULL, answers={200: PullAnswer}),
)
async def pull(request: Request, room: Room) -> Response:
    body = await read_body(request)
    node_id = _own_node(request, body["node_id"])
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(body["wait_ms"], room.periods.pull_wait_ms) / 1000
    with room.wakeups.ticket(node_id) as ticket:
        while True:
            found = await room.db.write(_pull, request, body, room)
            left = deadline - loop.time()
            for job in found.jobs:
                room.vault.open(job)
            if found.jobs or found.scans or found.cancelled or left <= 0 or room.wakeups.is_closed:
                return answer(msgspec.json.encode(found))
            await ticket.wait(min(left, room.wakeups.patience_s))


def _pull(tx: Tx, request: Request, body: dict[str, Any], room: Parts) -> PullAnswer:
    """Looks at the token again each time: one that was revoked while the poll was open gets nothing any more."""
    access.require_node_token(tx, body["node_id"], hash_token(credential(request) or ""))
    return work.pull(tx, body["node_id"], body["max_jobs"], body["held"], room.periods)


@post(
    "/api/nodes/callback",
    **operation(
        "What a node reports: one event, or up to 1,000",
        role=NODE,
        body=Content(("application/json",)),
        answers={200: (SingleAnswer, BatchAnswer)},
        errors=(409,),
    ),
)
async def callback(request: Request, room: Room) -> Response:
    require_type(request, "application/json")
    raws, is_batch = codec.split(await request.body())
    node_id = actor_of(request).node_id or ""
    items = [_item(raw, node_id, is_batch=is_batch) for raw in raws]
    reply = await room.callbacks.submit(CallbackRequest(node_id, tuple(items)))
    for result in reply.results:
        room.metrics.callbacks.labels(result.status).inc()
    return answer(msgspec.json.encode(_batch(reply) if is_batch else _single(reply)))


def _item(raw: bytes, node_id: str, *, is_batch: bool) -> Item:
    try:
        event, payload = codec.decode_event(raw)
    except codec.InvalidEvent as error:
        return Item(error.event_id, error=str(error))
    if event.node_id != node_id:
        if not is_batch:
            raise NotAllowed("this token is of node {node}; nothing was changed", node=node_id, code="foreign_node")
        return Item(event.event_id, error=f"node_id must be {node_id}: a token writes for its own node only")
    if event.type in _NOT_LEASED:
        return Item(event.event_id, event, payload)
    try:
        return Item(event.event_id, event, payload, codec.to_fact(event, payload, time.time_ns() // 1_000_000))
    except codec.InvalidEvent as error:
        return Item(event.event_id, event, payload, error=str(error))


def _single(reply: Reply) -> SingleAnswer:
    result = reply.results[0]
    if result.status == "stale":
        raise Conflict("{reason}", reason=result.error or Message("the lease is not live"), code="lease_mismatch")
    if result.status == "invalid":
        raise Invalid([FieldError("", "{reason}", {"reason": result.error or Message("not a valid event")})])
    single = SingleAnswer(ok=True, duplicate=result.status == "duplicate")
    if reply.server_time:
        single.renewed, single.cancelled = list(reply.renewed), list(reply.cancelled)
        single.pardoned = list(reply.pardoned)
        single.server_time = reply.server_time
    return single


def _batch(reply: Reply) -> BatchAnswer:
    results = [BatchResult(event_id=r.event_id, status=r.status, error=r.error) for r in reply.results]
    if reply.server_time and results:
        results[0].renewed, results[0].cancelled = list(reply.renewed), list(reply.cancelled)
    return BatchAnswer(results=results, server_time=reply.server_time)


@put(
    "/api/nodes/artifacts/{artifact_id:str}",
    **operation(
        "The content of a declared artifact",
        role=NODE,
        body=Content(),
        answers={200: StoredArtifact, 201: StoredArtifact},
        errors=(409,),
        headers={"Content-Digest": "sha-256=:<base64>: of the content, as declared"},
    ),
)
async def upload(request: Request, room: Room, artifact_id: FromPath[str]) -> Response:
    node_id = actor_of(request).node_id or ""
    row = await room.db.read(artifacts.declared, node_id, artifact_id)
    logs.bind(run_id=row.run_id, device=row.device_index)
    if row.status == "stored":
        return answer(StoredArtifact(row.id, "stored", row.size))
    digest = _digest(request)
    if row.sha256 is not None and digest not in (None, row.sha256):
        raise Invalid([FieldError("/headers/Content-Digest", "is not the digest that was declared")])
    key = storage_key(row.run_id, row.device_index, row.id)
    most = min(row.size, room.settings.max_artifact_bytes)
    blob = await room.artifacts.put(key, request.stream(), max_size=most, expected_sha256=row.sha256)
    try:
        is_new = await room.db.write(artifacts.finish_upload, artifact_id, blob.key, blob.size)
    except Conflict:  # its time or its run ended meanwhile: nothing names the content any more
        await room.artifacts.delete(blob.key)
        raise
    return answer(StoredArtifact(row.id, "stored", blob.size), 201 if is_new else 200)


def _digest(request: Request) -> str | None:
    """The sha256 in the Content-Digest header (RFC 9530) as hex, or None without one."""
    given = request.headers.get("content-digest")
    if given is None:
        return None
    found = _DIGEST.fullmatch(given.strip())
    if found is None:
        raise Malformed("Content-Digest must be sha-256=:<base64>:; nothing was stored")
    try:
        return b64decode(found[1], validate=True).hex()
    except binascii.Error as error:
        raise Malformed("Content-Digest is not base64; nothing was stored") from error


@get(
    "/api/nodes/files/{sha256:str}",
    **operation(
        "A file that a step needs",
        role=NODE,
        path={"sha256": Text(64, 64, pattern=r"^[0-9a-f]{64}$")},
        answers={200: Content(), 206: Content(), 416: None},
        headers={"Range": "bytes=first-last"},
    ),
)
async def file(request: Request, room: Room, sha256: FromPath[str]) -> Response:
    found = await room.db.read(files.get_file, sha256)
    return await serve(request, room.files, key_of(sha256), found.size, {"ETag": f'"{sha256}"'})


handlers: list[Any] = [pull, callback, upload, file]
