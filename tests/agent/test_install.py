"""Units that start the agent with the machine: every word arrives as it is, and the token stands in no unit."""

import plistlib
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rackhand.agent.install import install, make_unit

COMMAND = ("/opt/my apps/rackhand", "agent", "--node-id", "PC-01", "--data", "/srv/50% $HOME & <x>")
HOME = Path("/home/kim")
TOKEN_FILE = Path("/home/kim/agent token")


def test_systemd_takes_every_word_literally() -> None:
    unit = make_unit("linux", COMMAND, TOKEN_FILE, HOME)
    line = next(line for line in unit.text.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart=").replace("$$", "$").replace("%%", "%"))

    assert tuple(words) == COMMAND
    assert "Restart=always" in unit.text
    assert unit.path == HOME / ".config/systemd/user/rackhand-agent.service"


def test_launchd_takes_every_word_literally() -> None:
    unit = make_unit("darwin", COMMAND, TOKEN_FILE, HOME)
    script = plistlib.loads(unit.text.encode())["ProgramArguments"][2]

    assert tuple(shlex.split(script.partition("exec ")[2])) == COMMAND
    assert shlex.split(script)[3] == f"{TOKEN_FILE};"


def test_the_windows_task_is_xml_and_names_the_token_file() -> None:
    unit = make_unit("win32", COMMAND, TOKEN_FILE, HOME)
    root = ElementTree.fromstring(unit.text.encode())
    arguments = next(node.text or "" for node in root.iter() if node.tag.endswith("Arguments"))

    assert f'set /p RACKHAND_TOKEN=<"{TOKEN_FILE}"' in arguments
    assert '"/opt/my apps/rackhand" agent' in arguments


@pytest.mark.parametrize(("platform", "line"), [("linux", "RACKHAND_TOKEN=s3cret\n"), ("win32", "s3cret\n")])
def test_the_token_is_written_apart_and_only_for_its_owner(tmp_path: Path, platform: str, line: str) -> None:
    token_file = tmp_path / "agent" / "token"
    unit = make_unit(platform, COMMAND, token_file, tmp_path)
    install(unit, "old", token_file)
    install(unit, "s3cret", token_file)

    assert token_file.read_text(encoding="utf-8") == line
    assert token_file.stat().st_mode & 0o077 == 0
    assert "s3cret" not in unit.path.read_text(encoding="utf-8")
