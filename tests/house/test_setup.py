"""The way from a fresh clone: the lock satisfies pyproject.toml, and what README and CI call exists."""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools import audit, setup
from tools.source import ROOT, tracked_files

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")


def locked(path: Path) -> dict[str, str]:
    """Versions by canonical name."""
    found = (PINNED.match(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(match["name"]): match["version"] for match in found if match}


def wanted() -> list[Requirement]:
    """Everything that pyproject.toml asks for: the product, its extras, the development group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [
        project["project"]["dependencies"],
        project["dependency-groups"]["dev"],
        project["build-system"]["requires"],
    ]
    lists += project["project"]["optional-dependencies"].values()
    return [Requirement(line) for group in lists for line in group]


def test_the_lock_satisfies_pyproject() -> None:
    versions = locked(ROOT / "requirements.lock")

    wrong = [
        f"{requirement} but the lock has {versions.get(canonicalize_name(requirement.name))}: run `make lock`"
        for requirement in wanted()
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]

    assert wrong == []


@pytest.mark.parametrize("name", ["requirements.lock", "tools/bootstrap.lock", "tools/node.lock"])
def test_every_locked_package_carries_its_hashes(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=\S)", text)

    assert [entry.splitlines()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []


def test_every_direct_dependency_is_held_in_a_range() -> None:
    loose = [str(r) for r in wanted() if not r.specifier and not r.name.startswith("types-")]

    assert loose == [], "give each a lower bound that somebody has looked at"


def test_the_audit_asks_about_every_lock() -> None:
    locks = {path.relative_to(ROOT).as_posix() for path in tracked_files() if path.suffix == ".lock"}

    assert locks == set(audit.LOCKS)
    assert "audit" in makefile_targets()


def makefile_targets() -> set[str]:
    """The targets that the Makefile declares."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_targets_that_are_named_exist(name: str) -> None:
    named = set(re.findall(r"\bmake (?:--no-print-directory )?([a-z]+)\b", (ROOT / name).read_text(encoding="utf-8")))

    assert named <= makefile_targets()


def test_ci_calls_the_test_command_of_the_readme_first() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    steps = [step.split() for step in re.findall(r"^step (.+)$", script, re.MULTILINE)]
    assert steps[0] == ["test"]
    assert {word for word in steps[1] if not word.startswith("-")} == {"lint", "types", "coverage"}
    assert "make demo" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_script_is_valid_bash() -> None:
    assert subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=False).returncode == 0


def test_set_up_does_nothing_when_nothing_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = setup.executable(tmp_path / "venv", "python")
    made.parent.mkdir(parents=True)
    made.touch()
    monkeypatch.setattr(setup, "VENV", tmp_path / "venv")
    monkeypatch.setattr(setup, "STAMP", tmp_path / "stamp")

    assert not setup.is_current()
    (tmp_path / "stamp").write_text(setup.digest(), encoding="utf-8")
    assert setup.is_current()
    (tmp_path / "stamp").write_text(hashlib.sha256(b"another lock").hexdigest(), encoding="utf-8")
    assert not setup.is_current()


def test_an_old_python_without_a_newer_one_is_a_clear_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(setup, "NEWER_NAMES", ("no-such-python",))

    assert setup.main() == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err
