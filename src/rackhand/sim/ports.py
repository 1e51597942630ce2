"""A free TCP port of loopback for a program that is about to be started (an adb server, an agent's target, a demo).

Not one that the kernel picks (`bind` to 0): between the look and the program's own bind another process may be given
the same one, by an outgoing connection (about once in a hundred racks started side by side) or, worse, for another
adb server, which is then taken for a foreign one and ends in mid-call. So it is drawn below the ranges from which
the systems serve outgoing connections (Linux 32768-60999, Windows and macOS 49152-65535).
"""

import secrets
import socket
from contextlib import suppress

FIRST, LAST = 20_000, 32_767
MOST_TRIES = 100


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now; OSError if a hundred draws found none."""
    for _ in range(MOST_TRIES):
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port of 127.0.0.1 found from {FIRST} to {LAST} in {MOST_TRIES} tries")
