"""One agent per data folder."""

from pathlib import Path

import pytest

from rackhand.agent.lock import FolderInUse, FolderLock


def test_a_second_agent_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / "agent")
    with pytest.raises(FolderInUse, match=r"another agent uses .*--data"):
        FolderLock(tmp_path / "agent")
    first.release()

    FolderLock(tmp_path / "agent").release()
