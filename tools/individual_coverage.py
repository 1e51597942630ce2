"""Runs the tests of `core` and `wire` once, and asks of each module that its own tests cover every branch of it.

`src/rackhand/core/dice.py` is covered by `tests/core/test_dice.py` and `tests/core/test_dice_*.py`, or it is
not covered: a line that only another module's test reaches has no test that says what it is for. Which test reached
what is told by coverage's contexts, which tools/coverage_contexts.py switches; importing a module belongs to nobody.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent
PURE_PACKAGES = ("core", "wire")
SOURCE = Path("src", "rackhand")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one module fared: `complaint` is empty if its own tests cover all of it."""

    module: Path
    complaint: str


def modules() -> Iterator[Path]:
    """The modules that must be covered, relative to the package."""
    package = ROOT / SOURCE
    for name in PURE_PACKAGES:
        for path in sorted((package / name).rglob("*.py")):
            if path.name != "__init__.py":
                yield path.relative_to(package)


def own_tests(module: Path) -> list[Path]:
    """The test files that belong to one module."""
    folder = ROOT / "tests" / module.parent
    return sorted({*folder.glob(f"test_{module.stem}.py"), *folder.glob(f"test_{module.stem}_*.py")})


def run_tests(data_file: Path) -> str:
    """Run all their tests under branch coverage; what pytest said if they fail, else nothing."""
    include = "--include=" + ",".join(f"{SOURCE / name}/*" for name in PURE_PACKAGES)
    coverage = ["-m", "coverage", "run", "--branch", include]
    plugins = [word for name in ("no:cacheprovider", "no:xdist", "no:schemathesis") for word in ("-p", name)]
    tests = [f"tests/{name}" for name in PURE_PACKAGES]
    done = subprocess.run(
        [sys.executable, *coverage, "-m", "pytest", *plugins, "-p", "tools.coverage_contexts", *tests],
        cwd=ROOT,
        env={**os.environ, "COVERAGE_FILE": str(data_file)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip()


def judge(module: Path, data_file: Path) -> Verdict:
    """What the module's own tests left out."""
    tests = [path.relative_to(ROOT).as_posix() for path in own_tests(module)]
    if not tests:
        return Verdict(module, f"no tests/{module.parent.as_posix()}/test_{module.stem}.py")
    coverage = Coverage(data_file=data_file)
    coverage.load()
    said = StringIO()
    share = coverage.report(
        include=[str(ROOT / SOURCE / module)],
        contexts=["^$", *(f"^{re.escape(test)}::" for test in tests)],
        show_missing=True,
        file=said,
    )
    return Verdict(module, "" if share == 100 else said.getvalue().strip())


def main() -> int:
    """Print the modules that are not covered; 0 if every one is, by its own tests."""
    with tempfile.TemporaryDirectory() as folder:
        data_file = Path(folder) / "coverage"
        if failure := run_tests(data_file):
            print(failure)
            return 1
        verdicts = [judge(module, data_file) for module in modules()]
    poor = [verdict for verdict in verdicts if verdict.complaint]
    for verdict in poor:
        print(f"NOT COVERED by its own tests: {verdict.module.as_posix()}\n{verdict.complaint}\n")
    good = len(verdicts) - len(poor)
    print(f"coverage: {good} of {len(verdicts)} modules of core and wire at 100 % by their own tests")
    return 1 if poor else 0


if __name__ == "__main__":
    sys.exit(main())
