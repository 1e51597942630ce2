"""Compiles the catalogues and lists the texts of TypeScript: `python -m tools.catalogues`.

Every locale/<language>/*.po is one area; together they make messages.mo. The same msgid in two areas is an error.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "src" / "rackhand" / "server" / "locale"
SCRIPTS = ROOT / "frontend" / "src"
SCRIPT_MESSAGES = ROOT / "src" / "rackhand" / "server" / "static" / "dist" / "messages.json"


class CatalogueError(ValueError):
    """Two areas claim the same text."""


def areas(language: str) -> Iterator[tuple[str, Catalog]]:
    """(name of the area, its catalogue)."""
    for path in sorted((LOCALES / language).glob("*.po")):
        with path.open("rb") as file:
            yield path.stem, read_po(file, locale=language)


def merged(language: str) -> Catalog:
    """All areas as one catalogue; CatalogueError names both areas of a text that is there twice."""
    whole, owner = Catalog(locale=language), dict[str, str]()
    for area, catalogue in areas(language):
        for message in catalogue:
            if not message.id:
                continue
            key = message.id if isinstance(message.id, str) else message.id[0]
            if key in owner:
                raise CatalogueError(f"{key!r} is in {owner[key]}.po and in {area}.po of {language}: keep one of them")
            owner[key] = area
            whole.add(message.id, message.string, flags=message.flags)
    return whole


def compile_all() -> None:
    """Write messages.mo of every language whose areas are newer."""
    for folder in sorted(path for path in LOCALES.iterdir() if path.is_dir()):
        target = folder / "LC_MESSAGES" / "messages.mo"
        sources = [folder, *folder.glob("*.po")]
        if target.is_file() and all(path.stat().st_mtime < target.stat().st_mtime for path in sources):
            continue
        target.parent.mkdir(exist_ok=True)
        whole = merged(folder.name)
        partial = target.with_suffix(".part")
        with partial.open("wb") as file:
            write_mo(file, whole)
        partial.replace(target)


def script_messages() -> list[str]:
    """The msgids of all `t("...")` calls in TypeScript."""
    found: set[str] = set()
    for path in SCRIPTS.rglob("*.ts"):
        with path.open("rb") as file:
            for _, message, _, _ in extract("javascript", file, {"t": None}):
                found.add(message if isinstance(message, str) else message[0])
    return sorted(found)


def main() -> int:
    """Returns the exit code."""
    try:
        compile_all()
    except CatalogueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if SCRIPTS.is_dir() and SCRIPT_MESSAGES.parent.is_dir():
        text = json.dumps(script_messages(), ensure_ascii=False, indent=0)
        if not SCRIPT_MESSAGES.is_file() or SCRIPT_MESSAGES.read_text(encoding="utf-8") != text:
            SCRIPT_MESSAGES.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
