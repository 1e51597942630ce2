"""Identifiers: UUIDv7 from a given time and randomness, and the shapes of names that people choose."""

import re

from rackhand.core.clock import Millis

ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
NODE_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
RESERVED_NODE_IDS = frozenset({"status", "pull", "scan", "callback", "files", "artifacts", "new"})

_ID = re.compile(ID_PATTERN)
_NODE_ID = re.compile(NODE_ID_PATTERN)


def uuid7(now: Millis, entropy: bytes) -> str:
    """RFC 9562 UUIDv7 text from `now` and 10 random bytes; sorts by time."""
    if len(entropy) != 10:
        raise ValueError(f"uuid7 takes 10 random bytes, got {len(entropy)}")
    value = (now & (1 << 48) - 1) << 80 | int.from_bytes(entropy, "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether `text` may be an event, lease or artifact id."""
    return _ID.match(text) is not None and "\n" not in text


def is_node_id(text: str) -> bool:
    """Whether `text` may name a node; words of the routes are refused."""
    return _NODE_ID.match(text) is not None and "\n" not in text and text.lower() not in RESERVED_NODE_IDS
