"""Finding an adb binary that may be started: which file, and which release it is.

Debian 12's 29.0.6 reports lost TCP devices late or never, hence the minimum. The wire version is 41 for all of
them and cannot tell; `adb version` can.
"""

import asyncio
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE

from rackhand.agent.adb.errors import ServerUnusableError, shorten

MIN_MAJOR = 34
_RELEASE = re.compile(r"^Version (\d+(?:\.\d+)*)", re.MULTILINE)
_NAME = "adb.exe" if os.name == "nt" else "adb"
HOW_TO_GET_ONE = (
    f"Install platform-tools {MIN_MAJOR} or newer, or the extra `rackhand[adb]`, or name a binary with --adb PATH"
)


@dataclass(frozen=True, slots=True)
class Binary:
    """An adb binary and its release, such as `36.0.0`."""

    path: Path
    release: str


def major(release: str) -> int:
    """`34.0.5-debian` -> 34; 0 if it is no release."""
    digits = re.match(r"\d+", release)
    return int(digits[0]) if digits else 0


def decode_release(text: str) -> str:
    """The release out of what `adb version` prints; empty if there is none."""
    found = _RELEASE.search(text)
    return found[1] if found else ""


async def read_release(path: Path, timeout_ms: int = 5_000) -> str:
    """Ask a binary for its release; empty if it does not run or does not answer."""
    try:
        process = await asyncio.create_subprocess_exec(str(path), "version", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except OSError:
        return ""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        return ""
    return decode_release(output.decode("utf-8", "replace"))


def bundled_path() -> Path | None:
    """The binary that the adbutils wheel carries, if that is installed (it is not imported)."""
    spec = importlib.util.find_spec("adbutils")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "binaries" / _NAME
    return path if path.is_file() else None


async def find_binary(explicit: Path | None = None, search_path: str | None = None) -> Binary:
    """The binary to start: `explicit` or nothing else; else one on the PATH if new enough; else the bundled one."""
    if explicit is not None:
        return await _need(explicit)
    seen = []
    on_path = shutil.which("adb", path=search_path)
    for path in (Path(on_path) if on_path else None, bundled_path()):
        if path is None:
            continue
        release = await read_release(path)
        if major(release) >= MIN_MAJOR:
            return Binary(path, release)
        seen.append(f"{path} is {release or 'not runnable'}")
    raise ServerUnusableError(
        f"no usable adb binary: {'; '.join(seen) or 'none found'}. {HOW_TO_GET_ONE}", phase="start"
    )


async def _need(path: Path) -> Binary:
    release = await read_release(path)
    if not release:
        raise ServerUnusableError(f"{path} is not a runnable adb binary. {HOW_TO_GET_ONE}", phase="start")
    if major(release) < MIN_MAJOR:
        raise ServerUnusableError(
            f"{path} is adb {shorten(release, 40)}, older than {MIN_MAJOR}. {HOW_TO_GET_ONE}", phase="start"
        )
    return Binary(path, release)
