"""What no file of the repository may hold, whatever its kind."""

import re

import pytest
from tools.individual_coverage import modules, own_tests
from tools.source import ROOT, tracked_files

# In pieces, or this file would be the one that names them.
PACKAGE_HOSTS = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
    )
]
BINARY_SUFFIXES = {".png", ".apk", ".ico", ".woff2", ".gz", ".zip"}
TEXTS = [path for path in tracked_files() if path.suffix not in BINARY_SUFFIXES]


def names(pattern: str) -> list[str]:
    """The text files that hold a match."""
    wanted = re.compile(pattern)
    return [path.relative_to(ROOT).as_posix() for path in TEXTS if wanted.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("host", PACKAGE_HOSTS)
def test_no_file_names_a_package_host(host: str) -> None:
    assert names(rf"(?i)\b{re.escape(host)}\b") == []


def test_no_file_opens_with_a_byte_order_mark() -> None:
    assert names("\ufeff") == []


def test_only_makefiles_indent_with_tabs() -> None:
    assert [name for name in names(r"(?m)^\t") if not name.endswith(("Makefile", ".mk"))] == []


def test_every_file_name_is_legal_on_windows() -> None:
    wrong = re.compile(r'[<>:"\\|?*]|[. ]$')
    reserved = {"con", "prn", "aux", "nul"}

    parts = {part for path in tracked_files() for part in path.relative_to(ROOT).parts}

    assert [part for part in parts if wrong.search(part) or part.split(".")[0].lower() in reserved] == []


def test_each_module_of_core_and_wire_has_its_own_test_file() -> None:
    assert [module.as_posix() for module in modules() if not own_tests(module)] == []
