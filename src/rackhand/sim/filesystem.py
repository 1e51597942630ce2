"""The file tree of one simulated device, in memory.

Belongs here: paths, nodes, free space, and the error texts that a device prints. Must not: streams or commands.
"""

import posixpath
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALIASES = (("/storage/emulated/0", "/sdcard"), ("/storage/self/primary", "/sdcard"), ("/mnt/sdcard", "/sdcard"))
FOLDERS = (
    "/", "/data", "/data/local", "/data/local/tmp", "/data/app", "/dev", "/proc", "/proc/sys", "/proc/sys/kernel",
    "/proc/sys/kernel/random", "/sdcard", "/sdcard/DCIM", "/sdcard/Download", "/sdcard/Movies", "/sdcard/Pictures",
    "/storage", "/system", "/system/bin", "/sys",
)  # fmt: skip


class FileError(Exception):
    """A file operation that the device refuses; the text is what Android's tools print."""


NOT_FOUND = "No such file or directory"
IS_FOLDER = "Is a directory"
NOT_FOLDER = "Not a directory"
NO_SPACE = "No space left on device"
NOT_EMPTY = "Directory not empty"
EXISTS = "File exists"


@dataclass(slots=True)
class Node:
    """One file or folder; `mtime` in seconds, as the sync protocol has it."""

    mode: int
    data: bytes
    mtime: int

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


def normalize(path: str, cwd: str = "/") -> str:
    """An absolute path without `.`, `..`, doubled slashes and well-known symbolic links."""
    full = posixpath.normpath(posixpath.join(cwd, path))
    full = "/" + full.lstrip("/")
    for alias, target in ALIASES:
        if full == alias or full.startswith(alias + "/"):
            return target + full[len(alias) :]
    return full


class FileSystem:
    """Files by absolute path; `virtual` files are worked out when they are read."""

    def __init__(self, now: Callable[[], int], total_bytes: int, used_bytes: int) -> None:
        self._now = now
        self.total_bytes = total_bytes
        self._base_used = used_bytes
        self._stored = 0
        self.is_full = False
        self._nodes = {path: Node(stat.S_IFDIR | 0o771, b"", now() // 1000) for path in FOLDERS}
        self.virtual: dict[str, Callable[[], bytes]] = {"/dev/null": bytes}

    @property
    def free_bytes(self) -> int:
        """Bytes left on /data; 0 while the fault `storage_full` is on."""
        return 0 if self.is_full else max(0, self.total_bytes - self._base_used - self._stored)

    def get(self, path: str) -> Node | None:
        """The node at a path, or None."""
        path = normalize(path)
        if path in self.virtual:
            return Node(stat.S_IFREG | 0o444, self.virtual[path](), self._now() // 1000)
        return self._nodes.get(path)

    def need(self, path: str) -> Node:
        """The node at a path; FileError if there is none."""
        node = self.get(path)
        if node is None:
            raise FileError(NOT_FOUND)
        return node

    def read(self, path: str) -> bytes:
        """The content of a file; FileError for a folder or a missing file."""
        node = self.need(path)
        if node.is_folder:
            raise FileError(IS_FOLDER)
        return node.data

    def write(
        self, path: str, data: bytes, *, mode: int = 0o644, mtime: int | None = None, parents: bool = False
    ) -> None:
        """Replace a file's content; `parents` makes missing folders, as `adb push` does."""
        path = normalize(path)
        if path in self.virtual:
            return
        old = self._nodes.get(path)
        if old is not None and old.is_folder:
            raise FileError(IS_FOLDER)
        if parents:
            self.mkdir(posixpath.dirname(path), parents=True)
        self._need_parent(path)
        growth = len(data) - (len(old.data) if old else 0)
        if growth > self.free_bytes or (self.is_full and data):
            raise FileError(NO_SPACE)
        self._stored += growth
        stamp = self._now() // 1000 if mtime is None else mtime
        self._nodes[path] = Node(stat.S_IFREG | (mode & 0o7777), data, stamp)

    def append(self, path: str, data: bytes) -> None:
        """Add to a file, which may not exist yet."""
        node = self.get(path)
        old = node.data if node is not None and not node.is_folder else b""
        self.write(path, old + data)

    def mkdir(self, path: str, *, parents: bool = False) -> None:
        """Make a folder; with `parents` it may exist already."""
        path = normalize(path)
        found = self.get(path)
        if found is not None:
            if parents and found.is_folder:
                return
            raise FileError(EXISTS)
        if parents:
            self.mkdir(posixpath.dirname(path), parents=True)
        self._need_parent(path)
        self._nodes[path] = Node(stat.S_IFDIR | 0o771, b"", self._now() // 1000)

    def _need_parent(self, path: str) -> None:
        parent = self._nodes.get(posixpath.dirname(path))
        if parent is None:
            raise FileError(NOT_FOUND)
        if not parent.is_folder:
            raise FileError(NOT_FOLDER)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or with `recursive` a whole folder."""
        path = normalize(path)
        node = self.need(path)
        if node.is_folder and not recursive:
            raise FileError(IS_FOLDER)
        inside = path.rstrip("/") + "/"
        for name in [p for p in self._nodes if p == path or p.startswith(inside)]:
            if name not in FOLDERS:
                self._stored -= len(self._nodes.pop(name).data)

    def remove_folder(self, path: str) -> None:
        """Delete an empty folder."""
        if not self.need(path).is_folder:
            raise FileError(NOT_FOLDER)
        if any(True for _ in self.children(path)):
            raise FileError(NOT_EMPTY)
        self.remove(path, recursive=True)

    def children(self, path: str) -> Iterator[tuple[str, Node]]:
        """(name, node) of what lies directly in a folder, by name."""
        prefix = normalize(path).rstrip("/") + "/"
        for full in sorted({*self._nodes, *self.virtual}):
            name = full[len(prefix) :]
            if full.startswith(prefix) and name and "/" not in name:
                yield name, self.need(full)

    def paths(self) -> list[str]:
        """Every path, sorted (for patterns such as `*.txt`)."""
        return sorted({*self._nodes, *self.virtual})
