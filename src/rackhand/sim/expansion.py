"""Words to arguments: variables, substitutions, field splitting, patterns.

Belongs here: what the shell does to a word before a command sees it. Must not: run anything itself.
"""

import fnmatch
import posixpath
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rackhand.sim.shell_tree import Script, Substitution, Text, Variable, Word

_PATTERN = re.compile(r"[*?\[]")


@dataclass(slots=True)
class Expander:
    """Expands words with the shell's variables; `has_substituted` tells whether `$( )` ran."""

    lookup: Callable[[str], str | None]
    assign: Callable[[str, str], None]
    capture: Callable[[Script], Awaitable[str]]
    paths: Callable[[], list[str]]
    cwd: Callable[[], str]
    has_substituted: bool = False

    async def value(self, word: Word) -> str:
        """One string, never split (assignments, redirections)."""
        return "".join([text for text, _ in await self._pieces(word)])

    async def fields(self, words: tuple[Word, ...]) -> list[str]:
        """The arguments that these words become."""
        found: list[str] = []
        for word in words:
            for field, is_pattern in split(await self._pieces(word)):
                found.extend(self._matches(field) if is_pattern else [field])
        return found

    async def _pieces(self, word: Word) -> list[tuple[str, str]]:
        """(text, kind): `quoted`, `literal` (never split) or `value` (split at blanks)."""
        pieces = []
        for part in word:
            match part:
                case Text():
                    pieces.append((part.text, "quoted" if part.is_quoted else "literal"))
                case Variable():
                    pieces.append((self._variable(part), "quoted" if part.is_quoted else "value"))
                case Substitution():
                    self.has_substituted = True
                    text = await self.capture(part.script)
                    pieces.append((text, "quoted" if part.is_quoted else "value"))
        return pieces

    def _variable(self, variable: Variable) -> str:
        value = self.lookup(variable.name)
        operator = variable.operator
        if operator == "#":
            return str(len(value or ""))
        is_missing = not value if operator.startswith(":") else value is None
        if operator.endswith("+"):
            return "" if is_missing else variable.argument
        if operator and is_missing:
            if operator.endswith("="):
                self.assign(variable.name, variable.argument)
            return variable.argument
        return value or ""

    def _matches(self, pattern: str) -> list[str]:
        full = pattern if pattern.startswith("/") else posixpath.join(self.cwd(), pattern)
        depth = full.count("/")
        names = [p for p in self.paths() if p.count("/") == depth and fnmatch.fnmatchcase(p, full)]
        cut = 0 if pattern.startswith("/") else len(full) - len(pattern)
        return [name[cut:] for name in names] or [pattern]


def split(pieces: list[tuple[str, str]]) -> list[tuple[str, bool]]:
    """Fields of one word, and whether each is a pattern; quoted text keeps a field even if empty."""
    fields: list[tuple[str, bool]] = []
    current, is_open, is_pattern = "", False, False
    for text, kind in pieces:
        if kind != "value":
            current += text
            is_open = is_open or kind == "quoted" or bool(text)
            is_pattern = is_pattern or (kind == "literal" and bool(_PATTERN.search(text)))
            continue
        for token in re.findall(r"[ \t\n]+|[^ \t\n]+", text):
            if not token.isspace() or token.strip(" \t\n"):
                current += token
                is_open = True
                is_pattern = is_pattern or bool(_PATTERN.search(token))
            elif is_open:
                fields.append((current, is_pattern))
                current, is_open, is_pattern = "", False, False
    if is_open:
        fields.append((current, is_pattern))
    return fields
