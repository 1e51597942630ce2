"""The syntax tree of the simulated shell. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Literal characters; quoted ones are never split or taken as a pattern."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, `${#name}`, `${name:-word}`; `operator` is "", "#", or one of `-`, `+`, `=` with or without `:`."""

    name: str
    operator: str = ""
    argument: str = ""
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(script)` or backquotes."""

    script: "Script"
    is_quoted: bool = False


Part = Text | Variable | Substitution
Word = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """`2>>file`: descriptor, operator (`>`, `>>`, `<`, `>&`), target."""

    descriptor: int
    operator: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words, redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """`( ... )` in a child shell, or `{ ...; }` in this one."""

    body: "Script"
    is_subshell: bool
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """`if ...; then ...; elif ...; else ...; fi` as (condition, body) pairs; the last may have no condition."""

    branches: tuple[tuple["Script | None", "Script"], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """`while` (or `until`) condition, body."""

    condition: "Script"
    body: "Script"
    is_until: bool


@dataclass(frozen=True, slots=True)
class Each:
    """`for name in words; do ...; done`."""

    name: str
    words: tuple[Word, ...]
    body: "Script"


Command = Simple | Group | Choice | Loop | Each


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by `|`; `!` turns the status round."""

    commands: tuple[Command, ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """Pipelines joined by `&&` and `||`; the first has the operator ""."""

    links: tuple[tuple[str, Pipeline], ...]
    is_background: bool = False


Script = tuple[Chain, ...]
