"""The simulated shell: runs a syntax tree on one device.

Belongs here: lists, pipelines, redirections, child processes, traps. Must not: the commands themselves
(`commands*.py`) or quoting (`shell_parser.py`, `expansion.py`).
"""

import re
from collections.abc import Awaitable, Callable

from rackhand.sim.call import Call, Command, decode, encode
from rackhand.sim.commands import COMMANDS
from rackhand.sim.device import SimDevice
from rackhand.sim.expansion import Expander
from rackhand.sim.filesystem import FileError, normalize
from rackhand.sim.process import Process
from rackhand.sim.shell_parser import SyntaxProblem, parse
from rackhand.sim.shell_tree import (
    Chain,
    Choice,
    Each,
    Group,
    Loop,
    Pipeline,
    Redirect,
    Script,
    Simple,
)
from rackhand.sim.shell_tree import Command as Tree
from rackhand.sim.streams import Bytes, Nothing, Pipe, Reader, Sink

EXIT_TRAP = 0
NOT_FOUND = 127


class FileSink:
    """Output redirected to a file of the device."""

    def __init__(self, device: SimDevice, path: str) -> None:
        self._device = device
        self._path = path

    async def write(self, data: bytes) -> None:
        self._device.files.append(self._path, data)


class Shell:
    """One shell process: variables, descriptors, last status."""

    def __init__(self, device: SimDevice, process: Process, stdin: Reader, stdout: Sink, stderr: Sink) -> None:
        self.device = device
        self.process = process
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.variables = {"PATH": "/system/bin", "HOME": "/", "USER": "shell", "PWD": "/"}
        self.exported = {"PATH", "HOME", "USER"}
        self.arguments: list[str] = []
        self.cwd = "/"
        self.status = 0
        self.jobs: list[Process] = []
        self.should_exit = False
        self.shell_pid = process.pid

    def child(self, process: Process, stdin: Reader, stdout: Sink, stderr: Sink) -> "Shell":
        """A copy for a child process: `$$` stays the parent's, as in every shell."""
        shell = Shell(self.device, process, stdin, stdout, stderr)
        shell.variables, shell.exported = dict(self.variables), set(self.exported)
        shell.arguments, shell.cwd, shell.status = list(self.arguments), self.cwd, self.status
        shell.shell_pid = self.shell_pid
        return shell

    # -- scripts

    async def run_main(self, text: str) -> int:
        """A whole script, with its EXIT trap at the end."""
        status = await self.run_text(text)
        last = self.process.traps.pop(EXIT_TRAP, "")
        if last:
            self.should_exit = False
            await self.run_text(last)
            status = self.status if self.should_exit else status
        return status

    async def run_text(self, text: str) -> int:
        """Parse and run; a syntax error is told on stderr and answers 1, and nothing of the script has run."""
        try:
            script = parse(text)
        except (SyntaxProblem, RecursionError) as problem:
            self.device.journal.add("not_simulated", name=f"syntax: {problem}")
            await self.stderr.write(encode(f"/system/bin/sh: syntax error: {problem}\n"))
            self.status = 1
            return 1
        return await self.run_script(script)

    async def run_script(self, script: Script) -> int:
        for chain in script:
            if self.should_exit:
                break
            if chain.is_background:
                self.start_background(chain)
                self.status = 0
            else:
                await self.run_chain(chain)
            await self.run_traps()
        return self.status

    async def run_traps(self) -> None:
        """Traps of signals that came while a command ran."""
        while self.process.pending and not self.should_exit:
            action = self.process.traps.get(self.process.pending.pop(0), "")
            status = self.status
            await self.run_text(action)
            self.status = self.status if self.should_exit else status

    def start_background(self, chain: Chain) -> None:
        async def body(process: Process) -> int:
            shell = self.child(process, Reader(Nothing()), self.stdout, self.stderr)
            return await shell.run_chain(Chain(chain.links))

        process = self.device.processes.spawn("sh", body, parent=self.process, terminal=self.process.terminal)
        self.jobs.append(process)

    async def run_chain(self, chain: Chain) -> int:
        for operator, pipeline in chain.links:
            if self.should_exit:
                break
            if operator == "" or (operator == "&&") == (self.status == 0):
                self.status = await self.run_pipeline(pipeline)
        return self.status

    async def run_pipeline(self, pipeline: Pipeline) -> int:
        if len(pipeline.commands) == 1:
            status = await self.run_command(pipeline.commands[0])
        else:
            status = await self.run_piped(pipeline.commands)
        return int(status == 0) if pipeline.is_negated else status

    async def run_piped(self, commands: tuple[Tree, ...]) -> int:
        """Each command in its own child; the status of the last."""
        source: Pipe | None = None
        processes = []
        for index, command in enumerate(commands):
            sink = Pipe() if index < len(commands) - 1 else None
            processes.append(self._spawn_stage(command, source, sink))
            source = sink
        return [await process.wait() for process in processes][-1]

    def _spawn_stage(self, command: Tree, source: Pipe | None, sink: Pipe | None) -> Process:
        async def body(process: Process) -> int:
            stdin = Reader(source) if source else self.stdin
            shell = self.child(process, stdin, sink or self.stdout, self.stderr)
            try:
                return await shell.run_command(command)
            finally:
                if sink is not None:
                    await sink.end()
                if source is not None:
                    await source.break_off()

        return self.device.processes.spawn("sh", body, parent=self.process, terminal=self.process.terminal)

    # -- commands

    async def run_command(self, command: Tree) -> int:
        self.status = await self._run_kind(command)
        return self.status

    async def _run_kind(self, command: Tree) -> int:
        match command:
            case Simple():
                return await self.run_simple(command)
            case Group():
                return await self.run_group(command)
            case Choice():
                return await self.run_choice(command)
            case Loop():
                return await self.run_loop(command)
            case Each():
                return await self.run_each(command)

    async def run_choice(self, choice: Choice) -> int:
        for condition, body in choice.branches:
            if condition is None or await self.run_script(condition) == 0:
                return self.status if self.should_exit else await self.run_script(body)
        return 0

    async def run_loop(self, loop: Loop) -> int:
        status = 0
        while not self.should_exit:
            if (await self.run_script(loop.condition) == 0) == loop.is_until or self.should_exit:
                break
            status = await self.run_script(loop.body)
            await self.device.yield_now()
        return self.status if self.should_exit else status

    async def run_each(self, each: Each) -> int:
        expander = self.expander()
        status = 0
        for value in await expander.fields(each.words):
            self.variables[each.name] = value
            status = await self.run_script(each.body)
            if self.should_exit:
                break
        return status

    async def run_group(self, group: Group) -> int:
        try:
            stdin, stdout, stderr = await self.redirected(group.redirects)
        except FileError as error:
            return await self.refuse(str(error))

        if not group.is_subshell:
            saved = self.stdin, self.stdout, self.stderr
            self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
            try:
                return await self.run_script(group.body)
            finally:
                self.stdin, self.stdout, self.stderr = saved

        async def body(process: Process) -> int:
            return await self.child(process, stdin, stdout, stderr).run_script(group.body)

        return await self.run_child("sh", body, stdout)

    async def run_child(self, args: str, body: Callable[[Process], Awaitable[int]], stdout: Sink) -> int:
        """Run a child in the foreground; when this shell dies meanwhile, the child lives on."""
        terminal = self.process.terminal if stdout is self.stdout else None
        process = self.device.processes.spawn(args, body, parent=self.process, terminal=terminal)
        return await process.wait()

    async def refuse(self, text: str, status: int = 1) -> int:
        await self.stderr.write(encode(f"/system/bin/sh: {text}\n"))
        return status

    async def run_simple(self, simple: Simple) -> int:
        expander = self.expander()
        argv = await expander.fields(simple.words)
        values = [(name, await expander.value(word)) for name, word in simple.assignments]
        if not argv:
            self.variables.update(values)
        try:
            stdin, stdout, stderr = await self.redirected(simple.redirects)
        except FileError as error:
            return await self.refuse(str(error))
        if not argv:
            return self.status if expander.has_substituted else 0
        saved = dict(self.variables)
        self.variables.update(values)
        try:
            return await self.run_program(argv, stdin, stdout, stderr)
        finally:
            if values:
                self.variables = saved

    async def run_argv(self, argv: list[str], call: Call) -> int:
        """Run a command for another one (`timeout`, `xargs`, `sh -c`), with its descriptors."""
        return await self.run_program(argv, call.stdin, call.stdout, call.stderr)

    async def run_program(self, argv: list[str], stdin: Reader, stdout: Sink, stderr: Sink) -> int:
        name = argv[0].rsplit("/", 1)[-1]
        found = COMMANDS.get(name)
        if found is None or ("/" in argv[0] and not argv[0].startswith("/system/")):
            self.device.journal.add("not_simulated", name=argv[0])
            await stderr.write(encode(f"/system/bin/sh: {argv[0]}: inaccessible or not found\n"))
            return NOT_FOUND
        call = Call(name, argv[1:], self.device, self, self.process, stdin, stdout, stderr)
        if found.is_builtin:
            return await run_guarded(found, call)

        async def body(process: Process) -> int:
            call.process = process
            call.shell = self.child(process, stdin, stdout, stderr)
            return await run_guarded(found, call)

        return await self.run_child(" ".join(argv), body, stdout)

    # -- words and descriptors

    def expander(self) -> Expander:
        return Expander(self.lookup, self.assign, self.capture, self.device.files.paths, lambda: self.cwd)

    def assign(self, name: str, value: str) -> None:
        self.variables[name] = value

    def lookup(self, name: str) -> str | None:
        """The value of a variable or special parameter; None if unset."""
        special = {
            "$": str(self.shell_pid),
            "?": str(self.status),
            "!": str(self.jobs[-1].pid) if self.jobs else "",
            "#": str(len(self.arguments)),
            "@": " ".join(self.arguments),
            "*": " ".join(self.arguments),
            "0": "sh",
        }
        if name in special:
            return special[name]
        if re.fullmatch(r"[1-9]", name):
            return self.arguments[int(name) - 1] if int(name) <= len(self.arguments) else None
        return self.variables.get(name)

    async def capture(self, script: Script) -> str:
        """The output of `$( ... )`, without its last newlines."""
        sink = Bytes()

        async def body(process: Process) -> int:
            return await self.child(process, self.stdin, sink, self.stderr).run_script(script)

        process = self.device.processes.spawn("sh", body, parent=self.process)
        self.status = await process.wait()
        return decode(bytes(sink.data)).rstrip("\n")

    async def redirected(self, redirects: tuple[Redirect, ...]) -> tuple[Reader, Sink, Sink]:
        """Descriptors 0, 1, 2 after redirections; FileError names the file."""
        stdin, sinks = self.stdin, {1: self.stdout, 2: self.stderr}
        for redirect in redirects:
            target = await self.expander().value(redirect.target)
            if redirect.operator == ">&":
                if target not in ("1", "2"):
                    raise FileError(f"{target}: bad file descriptor")
                sinks[redirect.descriptor] = sinks[int(target)]
            elif redirect.operator == "<":
                stdin = Reader(Bytes(self._open(target, "<")))
            else:
                self._open(target, redirect.operator)
                sinks[redirect.descriptor] = FileSink(self.device, normalize(target, self.cwd))
        return stdin, sinks[1], sinks[2]

    def _open(self, target: str, operator: str) -> bytes:
        path = normalize(target, self.cwd)
        try:
            if operator == "<":
                return self.device.files.read(path)
            if operator == ">":
                self.device.files.write(path, b"")
            else:
                self.device.files.append(path, b"")
        except FileError as error:
            verb = "open" if operator == "<" else "create"
            raise FileError(f"can't {verb} {target}: {error}") from error
        return b""


async def run_guarded(command: Command, call: Call) -> int:
    """Run a command; a file error becomes its message and status 1."""
    try:
        return await command.run(call)
    except FileError as error:
        return await call.fail(str(error))
    except ValueError as error:
        return await call.fail(f"bad argument: {error}")
