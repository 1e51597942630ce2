"""Ending a TCP connection with a reset instead of an orderly close.

Belongs here: that one socket option, which differs between systems. Must not: anything else.
"""

import asyncio
import socket
import struct
import sys

_LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Send RST: the peer sees `connection reset`, as after a pulled cable and a new boot."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
