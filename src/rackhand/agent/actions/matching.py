"""Does a text match a pattern that somebody typed? Some patterns take hours, and only a kill ends a search.

A search that cannot take long is done at once. Any other gets a process of its own, with a time limit: in this one
it would stop every device of the node, and its heartbeats.
"""

import asyncio
import re
import sys
from subprocess import DEVNULL, PIPE

import msgspec

MAX_SEARCH_MS = 5_000
_QUICK_TEXT = 4096  # one repetition costs at most the square of this
_REPETITION = re.compile(r"[*+?{]")
_SCRIPT = (
    "import json, re, sys\n"
    "pattern, text = json.loads(sys.stdin.buffer.read())\n"
    "sys.exit(7 if re.search(pattern, text, re.MULTILINE) else 8)\n"
)
_FOUND, _NOT_FOUND = 7, 8


async def mismatch(pattern: str, text: str, timeout_ms: int) -> str | None:
    """Why `text` does not match (anywhere, ^ and $ at each line), in words; None if it does."""
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except re.error as error:
        return f"matches is not a regular expression: {error}"
    repetitions = len(_REPETITION.findall(pattern))
    if repetitions == 0 or (repetitions == 1 and len(text) <= _QUICK_TEXT):
        is_found: bool | None = compiled.search(text) is not None
    else:
        is_found = await _search_apart(pattern, text, timeout_ms)
    if is_found is None:
        return f"matching {pattern!r} took longer than {timeout_ms} ms; write a simpler pattern"
    return None if is_found else f"the output does not match {pattern!r}"


async def _search_apart(pattern: str, text: str, timeout_ms: int) -> bool | None:
    """None if it did not end in time."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", _SCRIPT, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await child.communicate(msgspec.json.encode((pattern, text)))
    except TimeoutError:
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode not in (_FOUND, _NOT_FOUND):
        raise OSError(f"the search for {pattern!r} ended with exit code {child.returncode}")
    return child.returncode == _FOUND
