"""Files of a device: paths, free space, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.sim.filesystem import FileError, FileSystem, normalize


def files(total: int = 1000) -> FileSystem:
    return FileSystem(lambda: 5000, total, 0)


@pytest.mark.parametrize(
    ("path", "full"),
    [("/storage/emulated/0/x", "/sdcard/x"), ("a/../b", "/b"), ("//a//b/", "/a/b"), ("../../..", "/"), ("", "/")],
)
def test_paths_are_normalized(path: str, full: str) -> None:
    assert normalize(path) == full


@given(st.text())
def test_no_path_leaves_the_root(path: str) -> None:
    full = normalize(path)
    assert full.startswith("/")
    assert ".." not in full.split("/")


def test_space_is_counted_and_given_back() -> None:
    tree = files()
    tree.write("/sdcard/a", bytes(900))
    assert tree.free_bytes == 100
    with pytest.raises(FileError, match="No space left"):
        tree.write("/sdcard/b", bytes(101))
    tree.remove("/sdcard/a")
    assert tree.free_bytes == 1000
    tree.mkdir("/sdcard/d/e", parents=True)
    tree.write("/sdcard/d/e/f", b"xyz", mode=0o600, mtime=7)
    assert (tree.need("/sdcard/d/e/f").mtime, tree.free_bytes) == (7, 997)
    with pytest.raises(FileError, match="Is a directory"):
        tree.remove("/sdcard/d")
    with pytest.raises(FileError, match="not empty"):
        tree.remove_folder("/sdcard/d")
    tree.remove("/sdcard/d", recursive=True)
    assert tree.free_bytes == 1000


def test_a_file_needs_a_folder() -> None:
    tree = files()
    with pytest.raises(FileError, match="No such file"):
        tree.write("/none/f", b"")
    tree.write("/sdcard/f", b"")
    with pytest.raises(FileError, match="Not a directory"):
        tree.write("/sdcard/f/g", b"")
