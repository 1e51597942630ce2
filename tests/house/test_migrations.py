"""Migrations only expand (ADR 25), are one chain, and every release has a snapshot of its schema."""

import re
from pathlib import Path

from alembic.script import ScriptDirectory
from tools.source import ROOT

from rackhand.store import schema

VERSIONS = schema.MIGRATIONS / "versions"
SCHEMAS = ROOT / "tests" / "store" / "schemas"
CONTRACTS = re.compile(
    r"DROP\s+(TABLE|COLUMN)|RENAME\s+(TO|COLUMN)|SET\s+NOT\s+NULL|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE"
    r"|drop_table|drop_column|rename_table|nullable=False|new_column_name",
    re.IGNORECASE,
)
CONTRACT_OF = re.compile(r'"""Contract of \d{4}:')


def script() -> ScriptDirectory:
    return schema._revisions()[1]


def text_of(path: Path) -> str:
    """A migration with the SQL files of its number, comments of columns left out."""
    number = path.name[:5]
    parts = [path, *sorted((schema.MIGRATIONS / "sql").glob(f"{number}_*.sql"))]
    lines = (line for part in parts for line in part.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if not line.startswith("COMMENT ON"))


def revisions() -> list[str]:
    """From the newest to the first."""
    return [revision.revision for revision in script().walk_revisions()]


def test_they_are_one_chain_named_by_number() -> None:
    assert len(script().get_heads()) == 1
    assert sorted(path.name[1:5] for path in VERSIONS.glob("r*.py")) == sorted(revisions())


def test_a_migration_only_adds_unless_it_says_whose_contract_it_is() -> None:
    """Older servers still run: add now, remove in the next release."""
    later = {path.name: text_of(path) for path in sorted(VERSIONS.glob("r*.py"))[1:]}
    takes = {name: CONTRACTS.findall(text) for name, text in later.items() if not CONTRACT_OF.match(text)}

    assert {name: found for name, found in takes.items() if found} == {}
    assert CONTRACTS.search("ALTER TABLE runs DROP COLUMN x")
    assert CONTRACT_OF.match('"""Contract of 0002: nobody reads it any more."""')


def test_every_migration_is_run_from_a_snapshot_of_before() -> None:
    names = {path.name for path in SCHEMAS.iterdir() if path.is_dir()}
    held = {name: {each.name for each in (SCHEMAS / name).iterdir()} for name in names}

    assert held == {name: {"sqlite.sql.gz", "postgresql.sql.gz"} for name in names}
    assert revisions()[-1] in names, "the first schema is the predecessor of all"


def test_every_release_has_a_snapshot() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert [name for name in released if not (SCHEMAS / name).is_dir()] == [], "run tools.schema_snapshot"
