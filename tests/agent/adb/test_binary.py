"""Which adb may be started or used, and how its age is known."""

import asyncio
import os
from pathlib import Path

import pytest

from rackhand.agent.adb.binary import Binary, bundled_path, decode_release, find_binary, major, read_release
from rackhand.agent.adb.errors import ServerUnusableError
from rackhand.agent.adb.foreign import judge


def fake_adb(folder: Path, release: str) -> Path:
    """A script that prints what `adb version` prints."""
    path = folder / "adb"
    path.write_text(f"#!/bin/sh\necho 'Android Debug Bridge version 1.0.41'\necho 'Version {release}'\n")
    path.chmod(0o755)
    return path


def test_the_release_is_read_from_a_real_binary(binary: Binary) -> None:
    assert asyncio.run(read_release(binary.path)) == binary.release
    assert major(binary.release) >= 34


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("Android Debug Bridge version 1.0.41\nVersion 34.0.5-debian\nInstalled as /usr/bin/adb\n", "34.0.5"),
        ("Android Debug Bridge version 1.0.41\nVersion 29.0.6-6198805\n", "29.0.6"),
        ("usage: adb", ""),
        ("", ""),
    ],
)
def test_the_release_is_told_from_the_wire_version(text: str, release: str) -> None:
    assert decode_release(text) == release


@pytest.mark.skipif(os.name == "nt", reason="the fake is a shell script")
def test_an_old_one_on_the_path_gives_way_to_the_bundled_one(tmp_path: Path, binary: Binary) -> None:
    fake_adb(tmp_path, "29.0.6")
    assert asyncio.run(find_binary(search_path=str(tmp_path))).path == bundled_path()


@pytest.mark.skipif(os.name == "nt", reason="the fake is a shell script")
def test_a_new_one_on_the_path_comes_first(tmp_path: Path) -> None:
    path = fake_adb(tmp_path, "35.0.2")
    assert asyncio.run(find_binary(search_path=str(tmp_path))) == Binary(path, "35.0.2")


@pytest.mark.skipif(os.name == "nt", reason="the fake is a shell script")
def test_a_named_one_that_is_too_old_is_refused_with_its_age(tmp_path: Path) -> None:
    with pytest.raises(ServerUnusableError, match=r"29\.0\.6, older than 34"):
        asyncio.run(find_binary(fake_adb(tmp_path, "29.0.6")))


def test_a_foreign_server_is_judged_by_what_it_tells() -> None:
    assert judge("36.0.0", frozenset({"server_status"}), 5037).release == "36.0.0"
    unknown = judge("", frozenset({"sendrecv_v2"}), 5037)
    assert unknown.release == ""
    assert "does not tell its release" in unknown.warning
    for release, features in (("33.0.1", {"sendrecv_v2"}), ("", {"shell_v2"})):
        with pytest.raises(ServerUnusableError, match="--adb-port"):
            judge(release, frozenset(features), 5037)
