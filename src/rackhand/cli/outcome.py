"""Exit codes, and the one place where errors become a line on stderr and a code."""

import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, NoReturn

from rackhand.core.errors import (
    Invalid,
    Malformed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RackhandError,
    Refused,
    UpgradeRequired,
)


class Exit(IntEnum):
    """DESIGN section 11."""

    SUCCEEDED = 0
    NOT_SUCCEEDED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERNAL = 4


class Unreachable(RackhandError):
    """The server does not answer."""

    code = "unreachable"


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (Unreachable, Exit.UNREACHABLE),
    (NotAuthenticated, Exit.UNREACHABLE),
    (NotAllowed, Exit.UNREACHABLE),
    (UpgradeRequired, Exit.UNREACHABLE),
    (Invalid, Exit.USAGE),
    (Malformed, Exit.USAGE),
    (NotFound, Exit.USAGE),
    (Refused, Exit.NOT_SUCCEEDED),
    (RackhandError, Exit.NOT_SUCCEEDED),
    (ValueError, Exit.USAGE),
    (OSError, Exit.NOT_SUCCEEDED),
)


def say(text: str) -> None:
    """A line for people: on stderr, so that stdout stays for data."""
    print(text, file=sys.stderr, flush=True)


def put_json(value: Any) -> None:
    """Data for programs, on stdout."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def fail(text: str, code: Exit) -> NoReturn:
    say(f"error: {text}")
    raise SystemExit(int(code))


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors into a message with every field error, and an exit code."""
    try:
        yield
    except Invalid as error:
        lines = [f"  {e.path or '/'}: {e.message}" for e in error.errors]
        fail("\n".join([error.detail, *lines]) if len(lines) > 1 else error.detail, Exit.USAGE)
    except RackhandError as error:
        fail(error.detail, _code(error))
    except (ValueError, OSError) as error:
        fail(str(error), _code(error))


def _code(error: Exception) -> Exit:
    return next(code for kind, code in _CODES if isinstance(error, kind))


@contextmanager
def closing() -> Iterator[None]:
    """The last resort: a bug is one line with its place and code 4; Ctrl-C is code 130, a closed pipe no error."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(int(Exit.SUCCEEDED)) from None
    except Exception as error:  # noqa: BLE001 - whatever a bug raises, the caller gets code 4 and the place
        traceback.print_exc()
        fail(f"a bug in rackhand: {error!r}; the lines above say where", Exit.INTERNAL)
