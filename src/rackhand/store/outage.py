"""Outages: errors of the database itself, told apart from errors of ours. Callers see Busy (503) and may try again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rackhand.core.errors import Busy

_SQLSTATES = ("08", "53", "57P", "55P03")
"""Connection lost, out of resources (disk, memory, connections), shut down or starting up, a lock held too long."""
_SQLITE_WORDS = ("disk is full", "database is locked", "disk I/O error", "unable to open database")
RETRY_AFTER_S = 2
LOCKED = "locked"
"""Code of a Busy because of a lock that somebody else did not give back in time."""


@contextmanager
def outage_as_busy(*raw: type[Exception]) -> Iterator[None]:
    """Raise Busy for what the database cannot do now; every other error passes. `raw` are errors of the driver, as
    hand-written SQL over its own cursor raises them."""
    try:
        yield
    except (OSError, PoolTimeoutError) as error:
        raise _busy(error) from error
    except DBAPIError as error:
        if not _is_outage(error):
            raise
        raise _busy(error.orig or error) from error
    except raw as error:
        if not any(words in str(error) for words in _SQLITE_WORDS):
            raise
        raise _busy(error) from error


def _is_outage(error: DBAPIError) -> bool:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    words = str(error.orig)
    return error.connection_invalidated or state.startswith(_SQLSTATES) or any(w in words for w in _SQLITE_WORDS)


def _busy(error: BaseException) -> Busy:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return Busy(
        "the database cannot do this now ({reason}); send the same request again",
        reason=reason,
        code=LOCKED if getattr(error, "sqlstate", None) == "55P03" or "is locked" in reason else None,
        retry_after_s=RETRY_AFTER_S,
    )
