"""What one simulated command gets and gives: the seam between the shell and the tables of commands.

Belongs here: `Call`, `Command`, the decorator that fills a table. Must not: any command.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from rackhand.sim.device import SimDevice
from rackhand.sim.process import Process
from rackhand.sim.streams import Reader, Sink


def encode(text: str) -> bytes:
    """Text to bytes; what was not UTF-8 when it came in goes out unchanged."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """Bytes to text, without losing any."""
    return data.decode("utf-8", "surrogateescape")


class ShellState(Protocol):
    """What commands may see and change of the shell that runs them."""

    variables: dict[str, str]
    exported: set[str]
    cwd: str
    status: int
    jobs: list[Process]
    arguments: list[str]
    should_exit: bool

    async def run_text(self, text: str) -> int: ...

    async def run_argv(self, argv: list[str], call: "Call") -> int: ...


@dataclass(slots=True)
class Call:
    """One invocation; `args` without the command's name."""

    name: str
    args: list[str]
    device: SimDevice
    shell: ShellState
    process: Process
    stdin: Reader
    stdout: Sink
    stderr: Sink

    async def out(self, text: str) -> None:
        await self.stdout.write(encode(text))

    async def fail(self, text: str, status: int = 1) -> int:
        """Say why on stderr and give the exit status."""
        await self.stderr.write(encode(f"{self.name}: {text}\n"))
        return status

    def operands(self) -> list[str]:
        """Arguments that are no options."""
        return [arg for arg in self.args if not arg.startswith("-") or arg == "-"]

    def flags(self) -> set[str]:
        """Single-letter options, taken apart: `-rf` is {r, f}; long ones as they are."""
        found: set[str] = set()
        for arg in self.args:
            if arg.startswith("--"):
                found.add(arg)
            elif arg.startswith("-") and len(arg) > 1:
                found.update(arg[1:])
        return found

    def option(self, name: str) -> str | None:
        """The argument after an option, if both are there."""
        if name in self.args and self.args.index(name) + 1 < len(self.args):
            return self.args[self.args.index(name) + 1]
        return None


Run = Callable[[Call], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command; a built-in runs inside the shell's process, any other in a child."""

    name: str
    run: Run
    is_builtin: bool


class CommandTable(dict[str, Command]):
    """Commands by name."""

    def add(self, *names: str, builtin: bool = False) -> Callable[[Run], Run]:
        """Decorator: enter a coroutine under one or more names."""

        def enter(run: Run) -> Run:
            for name in names:
                self[name] = Command(name, run, builtin)
            return run

        return enter
