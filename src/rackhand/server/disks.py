"""Free space of this server's folders: below the setting no new run starts, and running ones go on.

Each server looks after its own disk. A look is kept for a moment, so that a storm of requests is no storm of looks.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rackhand.core.disk import MIB, Space
from rackhand.core.errors import Busy

FRESH_S = 2.0
RETRY_AFTER_S = 60
Usage = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Of the file system that holds `folder`, or will hold it."""
    whole = folder.absolute()
    return shutil.disk_usage(next(each for each in (whole, *whole.parents) if each.exists())).free


class Disks:
    """`folders` by name; `look` is replaced by tests, which have no disk to fill."""

    def __init__(self, folders: dict[str, Path], wanted_mb: int, look: Usage = free_bytes) -> None:
        self._folders, self._wanted, self.look = folders, wanted_mb * MIB, look
        self._seen: tuple[Space, ...] = ()
        self._seen_at = float("-inf")

    def spaces(self) -> tuple[Space, ...]:
        """Every folder as of a moment ago."""
        if time.monotonic() - self._seen_at >= FRESH_S:
            self._seen = tuple(self._space(name, folder) for name, folder in self._folders.items())
            self._seen_at = time.monotonic()
        return self._seen

    def forget(self) -> None:
        """The next question is a new look."""
        self._seen_at = float("-inf")

    @property
    def low(self) -> tuple[Space, ...]:
        return tuple(space for space in self.spaces() if space.is_low)

    def require_room(self) -> None:
        """Busy if a folder is low; what is running is not asked."""
        for space in self.low:
            raise Busy(
                "the disk of {path} has {free} MB left and {wanted} MB are wanted (RACKHAND_MIN_FREE_MB); no run was "
                "started, running ones go on: make room or shorten the retention, then start it again",
                path=space.path,
                free=space.free_mb,
                wanted=space.wanted_mb,
                code="disk_low",
                retry_after_s=RETRY_AFTER_S,
            )

    def _space(self, name: str, folder: Path) -> Space:
        try:
            free = self.look(folder)
        except OSError:
            return Space(name, str(folder), None, self._wanted)
        return Space(name, str(folder), free, self._wanted)
