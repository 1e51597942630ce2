"""One agent per data folder: a lock on a file, which the system frees when the process ends, however it ends."""

import importlib
import os
from pathlib import Path
from typing import Any, BinaryIO

from rackhand.core.errors import RackhandError


class FolderInUse(RackhandError):
    """Another agent works in this data folder."""


class FolderLock:
    """Held from the call until `release`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file: BinaryIO = (folder / "lock").open("ab")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise FolderInUse(
                "another agent uses {folder}; nothing was changed. End it, or give this one its own --data",
                folder=str(folder),
            ) from None

    def release(self) -> None:
        self._file.close()


def _lock(file: BinaryIO) -> None:
    name = "msvcrt" if os.name == "nt" else "fcntl"
    system: Any = importlib.import_module(name)
    if os.name == "nt":
        file.seek(0)
        system.locking(file.fileno(), system.LK_NBLCK, 1)
    else:
        system.flock(file.fileno(), system.LOCK_EX | system.LOCK_NB)
