"""Building events: stamped, encoded as the wire says, with digests that the server can check."""

import base64
import hashlib
from pathlib import Path

from rackhand.agent.reports import build_event, content_digest, digest_file
from rackhand.agent.servertime import ServerTime
from rackhand.wire import codec
from rackhand.wire.messages import EventType, TaskStartedPayload


def test_an_event_is_what_the_server_decodes() -> None:
    time = ServerTime()
    time.observe("2040-01-01T00:00:00.000Z")
    payload = TaskStartedPayload(run_id="r", device_index=7)
    stored = build_event(time, "PC-01", EventType.TASK_STARTED, payload, token="t", seq=1)

    event, decoded = codec.decode_event(bytes(stored.body))

    assert decoded == payload
    assert (event.event_id, event.lease_token, event.seq, event.node_id) == (stored.event_id, "t", 1, "PC-01")
    assert (event.occurred_at or "").startswith("2040-01-01T00:00:0")


def test_digests_are_those_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    expected = hashlib.sha256(b"content").digest()

    assert digest_file(tmp_path / "file") == (7, expected.hex())
    assert content_digest(expected.hex()) == f"sha-256=:{base64.b64encode(expected).decode()}:"
