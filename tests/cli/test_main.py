"""The command as a whole: its help, what that loads, and what is said about words that it does not know."""

import subprocess
import sys

import pytest

from rackhand import __version__

COMMANDS = ("demo", "serve", "agent", "sim", "run", "runs", "devices", "nodes", "playbooks", "db", "doctor")
HEAVY = {"alembic", "aiohttp", "litestar", "msgspec", "rich", "sqlalchemy", "uvicorn"}


def rackhand(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rackhand", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=60)


def test_help_names_every_command() -> None:
    done = rackhand("--help")

    assert done.returncode == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS), ["runs", "rerun", "--help"]])
def test_help_is_fast_because_it_loads_nothing_heavy(words: list[str]) -> None:
    code = (
        "import contextlib, io, sys\n"
        f"sys.argv = {['rackhand', *words]!r}\n"
        "from rackhand.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert done.stdout.strip() == "[]", done.stderr


def test_the_version() -> None:
    assert rackhand("--version").stdout.strip() == f"rackhand {__version__}"


@pytest.mark.parametrize("words", [["sing"], ["runs", "sing"], ["serve", "--sing"], ["run"], ["sim"]])
def test_unknown_or_missing_words_are_wrong_usage(words: list[str]) -> None:
    done = rackhand(*words)

    assert done.returncode == 2
    assert "Error" in done.stderr
    assert done.stdout == ""
