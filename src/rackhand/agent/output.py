"""What a step says: kept whole in a file up to a bound, its last part in memory, its lines counted."""

import logging
from pathlib import Path

from rackhand.core.masking import Mask
from rackhand.wire.messages import MAX_TAIL_BYTES

log = logging.getLogger(__name__)
MAX_LOG_BYTES = 32 * 1024 * 1024


class Output:
    """A sink for bytes as they come; secrets are masked before anything is kept. The file exists only if there was
    output."""

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES, mask: Mask | None = None) -> None:
        self.path = path
        self.line_count = 0
        self.size = 0
        self._left = max_bytes
        self._tail = b""
        self._is_line_open = False
        self._masked = (mask or Mask()).stream()

    def add(self, data: bytes) -> None:
        self._take(self._masked.add(data))

    def finish(self) -> None:
        """Nothing follows: what was held back, lest it begin a secret, is let through."""
        self._take(self._masked.flush())

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self._keep(data[: self._left])
        self.size += len(data)
        self._tail = (self._tail + data[-2 * MAX_TAIL_BYTES :])[-2 * MAX_TAIL_BYTES :]
        self.line_count += data.count(b"\n") + (not self._is_line_open) - data.endswith(b"\n")
        if self._is_line_open is data.endswith(b"\n"):
            self._is_line_open = not self._is_line_open

    def _keep(self, data: bytes) -> None:
        """Opened for each piece: pieces are large or rare, and a step that is cut leaves no open file."""
        if not data:
            return
        try:
            if not self.size:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab" if self.size else "wb") as file:
                file.write(data)
            self._left -= len(data)
        except OSError as error:  # a full disk costs the log, not the step that runs on the device
            log.error("the log %s is cut: %s", self.path, error)
            self._left = 0

    def tail(self) -> str:
        """The last part as text of at most MAX_TAIL_BYTES; whole characters, no NUL."""
        return clip(self._tail.decode("utf-8", "replace").replace("\0", "\ufffd"))


def clip(text: str, limit: int = MAX_TAIL_BYTES) -> str:
    """The end of `text`, at most `limit` bytes of UTF-8, cut between characters."""
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= limit else encoded[-limit:].decode("utf-8", "ignore")
