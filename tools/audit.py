"""`make audit`: ask the public lists of known vulnerabilities about every locked package, Python's and the front end's.

It needs the network, which the project's CI does not have: it is run by people and on their own schedules. What CI can
see without a network is in tests/house/test_setup.py: every package is locked with its hashes, every direct one within
a range that somebody chose. Exit codes: 0 nothing known, 1 something is, 2 the lists could not be asked.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "tools/bootstrap.lock", "tools/node.lock")
_UNKNOWN = 2
_FOUND = "found"
"""A word of both tools when they have found something; without it a failure is one of the network."""


def asked(command: list[str], folder: Path) -> int:
    """0, 1 or 2 as above; what the tool says is shown."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]} could not be run: {error}", file=sys.stderr)
        return _UNKNOWN
    print(done.stdout + done.stderr)
    if done.returncode == 0:
        return 0
    return 1 if _FOUND in (done.stdout + done.stderr).lower() else _UNKNOWN


def main() -> int:
    """The worst of all answers."""
    uv = str(ROOT / ".tools" / "bin" / "uv")
    python = [
        asked([uv, "tool", "run", "pip-audit", "--requirement", lock, "--require-hashes", "--disable-pip"], ROOT)
        for lock in LOCKS
    ]
    answers = [*python, asked(["npm", "audit"], ROOT / "frontend")]
    if _UNKNOWN in answers:
        print("audit: a list could not be asked; nothing is known about its packages", file=sys.stderr)
    return 1 if 1 in answers else max(answers)


if __name__ == "__main__":
    sys.exit(main())
