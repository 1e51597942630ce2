"""A child that must not outlive its parent: when its standard input closes, it ends itself as if told to."""

import os
import signal
import sys
import threading

VARIABLE = "RACKHAND_LEASH"
GRACE_S = 6.0


def follow_leash() -> None:
    """Watch the standard input if the parent asked for that; whatever comes there is ignored until it closes."""
    if os.environ.pop(VARIABLE, "") and sys.stdin is not None:
        threading.Thread(target=_watch, args=(sys.stdin.fileno(),), name="leash", daemon=True).start()


def _watch(source: int) -> None:
    try:
        while os.read(source, 1024):
            pass
    except OSError:
        pass  # as good as closed
    timer = threading.Timer(GRACE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()
    signal.raise_signal(signal.SIGTERM if os.name != "nt" else signal.SIGBREAK)  # type: ignore[attr-defined,unused-ignore]
