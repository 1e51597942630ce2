"""Makes `.venv` from the lock, with nothing but Python >= 3.11: `python3 tools/setup.py` (`make setup`).

Standard library only, and only syntax that an old Python can read, so that the message about the version can appear.
uv goes into `.tools/`, the environment into `.venv/`; outside the checkout only package caches are written.
A digest of everything that decides the environment is kept in it: when nothing changed, this ends at once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = VENV / "rackhand-setup.sha256"
BOOTSTRAP_LOCK = ROOT / "tools" / "bootstrap.lock"
LOCK = ROOT / "requirements.lock"
INPUTS = (BOOTSTRAP_LOCK, LOCK, ROOT / "pyproject.toml", Path(__file__).resolve())
OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
# uv does not read pip's settings: a mirror or a certificate that pip was told of is passed on.
PASSED_ON = (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE"))


class SetupError(Exception):
    """Something on the machine is missing; the message says what to do."""


def executable(folder: Path, name: str) -> Path:
    """The path of a program in a virtual environment, on Windows too."""
    return folder / "Scripts" / (name + ".exe") if os.name == "nt" else folder / "bin" / name


def run(*command: object) -> None:
    """Run one command from the root of the checkout; its own output is the explanation if it fails."""
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    for theirs, ours in PASSED_ON:
        if theirs in environment:
            environment.setdefault(ours, environment[theirs])
    words = [str(word) for word in command]
    code = subprocess.run(words, cwd=str(ROOT), env=environment, stdin=subprocess.DEVNULL).returncode
    if code != 0:
        raise SetupError("set-up stopped: `" + " ".join(words) + "` ended with exit code " + str(code))


def digest() -> str:
    """Everything that decides what `.venv` holds, as one hash."""
    total = hashlib.sha256(sys.version.encode())
    for path in INPUTS:
        total.update(path.read_bytes())
    return total.hexdigest()


def is_current() -> bool:
    """True if the environment was made from exactly these files and is still there."""
    if not (STAMP.exists() and executable(VENV, "python").exists()):
        return False
    return STAMP.read_text(encoding="utf-8") == digest()


def install_uv() -> Path:
    """The pinned uv in a private folder, checked against its hash."""
    pip = executable(TOOLS, "pip")
    if not pip.exists():
        try:
            run(sys.executable, "-m", "venv", TOOLS)
        except SetupError as error:
            shutil.rmtree(str(TOOLS), ignore_errors=True)
            raise SetupError(str(error) + "\nOn Debian and Ubuntu: apt-get install python3-venv") from error
    run(pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", BOOTSTRAP_LOCK)
    return executable(TOOLS, "uv")


def build() -> None:
    """Make the environment hold exactly the lock, and the checkout itself."""
    uv = install_uv()
    python = executable(VENV, "python")
    if not python.exists():
        run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
    STAMP.unlink(missing_ok=True)
    run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, LOCK)
    run(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", python, "--editable", ".")
    STAMP.write_text(digest(), encoding="utf-8")


def use_newer_python() -> int:
    """Start over with a newer Python of this machine, or say that there is none."""
    for name in NEWER_NAMES:
        found = shutil.which(name)
        if found and subprocess.call([found, "-c", "import venv"]) == 0:
            return subprocess.call([found, *sys.argv])
    have = ".".join(str(part) for part in sys.version_info[:3])
    sys.stderr.write(
        "Rackhand needs Python 3.11 or newer; " + sys.executable + " is " + have + ".\n"
        "Nothing was changed. Install a newer one and name it: make setup PYTHON=/path/to/python3.11\n"
    )
    return 1


def main() -> int:
    """Returns the exit code."""
    if sys.version_info[:2] < OLDEST:
        return use_newer_python()
    if is_current():
        return 0
    sys.stderr.write("Setting up .venv from requirements.lock (once; about a minute) ...\n")
    try:
        build()
    except SetupError as error:
        sys.stderr.write(str(error) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
