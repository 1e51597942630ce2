"""Runs the tests of each `core` and `wire` module alone, and asks that they cover every branch of it.

`src/rackhand/core/dice.py` is covered by `tests/core/test_dice.py` and `tests/core/test_dice_*.py`, or it is
not covered: a line that only another module's test reaches has no test that says what it is for.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PURE_PACKAGES = ("core", "wire")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one module fared: `complaint` is empty if its own tests cover all of it."""

    module: Path
    complaint: str


def modules() -> Iterator[Path]:
    """The modules that must be covered, relative to the package."""
    package = ROOT / "src" / "rackhand"
    for name in PURE_PACKAGES:
        for path in sorted((package / name).rglob("*.py")):
            if path.name != "__init__.py":
                yield path.relative_to(package)


def own_tests(module: Path) -> list[Path]:
    """The test files that belong to one module."""
    folder = ROOT / "tests" / module.parent
    return sorted({*folder.glob(f"test_{module.stem}.py"), *folder.glob(f"test_{module.stem}_*.py")})


def measure(module: Path) -> Verdict:
    """Run one module's own tests under branch coverage, in a process of its own."""
    tests = own_tests(module)
    if not tests:
        return Verdict(module, f"no tests/{module.parent}/test_{module.stem}.py")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "coverage")}
        include = f"--include=src/rackhand/{module.as_posix()}"
        coverage = [sys.executable, "-m", "coverage"]
        pytest = [
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            "no:schemathesis",
            *(str(test) for test in tests),
        ]
        for command in (
            [*coverage, "run", "--branch", include, *pytest],
            [*coverage, "report", "--show-missing", "--fail-under=100", include],
        ):
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
            )
            if done.returncode != 0:
                return Verdict(module, f"{done.stdout}{done.stderr}".strip())
    return Verdict(module, "")


def main() -> int:
    """Print one line per module; 0 if every one is covered by its own tests."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        verdicts = list(pool.map(measure, modules()))
    poor = [verdict for verdict in verdicts if verdict.complaint]
    for verdict in poor:
        print(f"NOT COVERED by its own tests: {verdict.module.as_posix()}\n{verdict.complaint}\n")
    good = len(verdicts) - len(poor)
    print(f"coverage: {good} of {len(verdicts)} modules of core and wire at 100 % by their own tests")
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
