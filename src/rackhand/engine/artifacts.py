"""Artifacts: a node declares them with its lease, uploads their content later; a missing upload changes no outcome."""

from dataclasses import dataclass

from rackhand.core.errors import Conflict, NotFound
from rackhand.core.message import word
from rackhand.store import artifacts
from rackhand.store.artifacts import ArtifactRow
from rackhand.store.db import Tx


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """The answer to an upload."""

    id: str
    status: str
    size: int


def declared(tx: Tx, node_id: str, artifact_id: str) -> ArtifactRow:
    """What a node may upload now; NotFound if it never declared it, Conflict once the upload window is over."""
    row = artifacts.get(tx, artifact_id)
    if row is None or row.node_id != node_id:
        raise NotFound("artifact {id} was not declared by this node; nothing was stored", id=artifact_id)
    if row.status == "missing":
        raise Conflict("the time for this upload is over; nothing was stored", code="upload_closed")
    return row


def finish_upload(tx: Tx, artifact_id: str, storage_key: str, size: int) -> bool:
    """Note that the content is there; False if it already was, Conflict if the upload window ended meanwhile."""
    if artifacts.mark_stored(tx, artifact_id, storage_key, size):
        return True
    row = artifacts.get(tx, artifact_id)
    if row is None or row.storage_key is None:
        raise Conflict("the time for this upload ended while it came in; nothing was stored", code="upload_closed")
    return False


def stored(tx: Tx, artifact_id: str) -> tuple[ArtifactRow, str]:
    """An artifact whose content can be served, and its storage key."""
    row = artifacts.get(tx, artifact_id)
    if row is None:
        raise NotFound("there is no artifact {id}", id=artifact_id[:64])
    if row.storage_key is None:
        raise NotFound(
            "the content of this artifact is {status}: its node has not uploaded it",
            status=word(row.status),
            code=row.status,
        )
    return row, row.storage_key
