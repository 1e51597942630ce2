"""Commands that change or steer the shell itself.

Belongs here: built-ins. Must not: anything of Android.
"""

from rackhand.sim.call import Call, CommandTable
from rackhand.sim.filesystem import normalize
from rackhand.sim.process import parse_signal

SHELL = CommandTable()


@SHELL.add("true", ":", builtin=True)
async def succeed(call: Call) -> int:
    return 0


@SHELL.add("false", builtin=True)
async def fail(call: Call) -> int:
    return 1


@SHELL.add("exit", builtin=True)
async def leave(call: Call) -> int:
    call.shell.should_exit = True
    return int(call.args[0]) & 255 if call.args else call.shell.status


@SHELL.add("cd", builtin=True)
async def change_folder(call: Call) -> int:
    target = normalize(call.args[0] if call.args else "/", call.shell.cwd)
    node = call.device.files.get(target)
    if node is None or not node.is_folder:
        return await call.fail(f"{target}: No such file or directory", 2)
    call.shell.cwd = call.shell.variables["PWD"] = target
    return 0


@SHELL.add("pwd", builtin=True)
async def print_folder(call: Call) -> int:
    await call.out(call.shell.cwd + "\n")
    return 0


@SHELL.add("export", "local", "readonly", builtin=True)
async def export(call: Call) -> int:
    for arg in call.args:
        name, equals, value = arg.partition("=")
        if not name.isidentifier():
            return await call.fail(f"{name}: is not an identifier")
        if equals:
            call.shell.variables[name] = value
        call.shell.exported.add(name)
    return 0


@SHELL.add("unset", builtin=True)
async def unset(call: Call) -> int:
    for name in call.args:
        call.shell.variables.pop(name, None)
    return 0


@SHELL.add("set", builtin=True)
async def set_options(call: Call) -> int:
    if call.args[:1] == ["--"]:
        call.shell.arguments = call.args[1:]
        return 0
    if call.args:
        call.device.journal.add("not_simulated", name="set " + " ".join(call.args))
        return await call.fail(f"{call.args[0]}: not simulated", 127)
    await call.out("".join(f"{name}={value}\n" for name, value in sorted(call.shell.variables.items())))
    return 0


@SHELL.add("env", "printenv", builtin=True)
async def environment(call: Call) -> int:
    if call.name == "env" and call.args:
        return await call.shell.run_argv(call.args, call)
    shown = {name: call.shell.variables.get(name, "") for name in sorted(call.shell.exported)}
    await call.out("".join(f"{name}={value}\n" for name, value in shown.items()))
    return 0


@SHELL.add("read", builtin=True)
async def read_line(call: Call) -> int:
    line = (await call.stdin.line()).decode("utf-8", "surrogateescape")
    names = call.operands() or ["REPLY"]
    values = line.rstrip("\n").split(None, len(names) - 1)
    for position, name in enumerate(names):
        call.shell.variables[name] = values[position] if position < len(values) else ""
    return 0 if line.endswith("\n") else 1


@SHELL.add("trap", builtin=True)
async def trap(call: Call) -> int:
    if len(call.args) < 2:
        return 0
    action, *names = call.args
    for name in names:
        signal = 0 if name in ("EXIT", "0") else parse_signal(name)
        if signal is None:
            return await call.fail(f"{name}: bad trap")
        call.process.ignored.discard(signal)
        call.process.traps.pop(signal, None)
        if action == "" and signal:
            call.process.ignored.add(signal)
        elif action != "-":
            call.process.traps[signal] = action
    return 0


@SHELL.add("wait", builtin=True)
async def wait(call: Call) -> int:
    wanted = {int(arg) for arg in call.args}
    status = 0
    for job in list(call.shell.jobs):
        if not wanted or job.pid in wanted:
            status = await job.wait()
    return status if wanted else 0


@SHELL.add("eval", builtin=True)
async def evaluate(call: Call) -> int:
    return await call.shell.run_text(" ".join(call.args))


@SHELL.add("command", "exec", "nohup", "setsid", builtin=True)
async def run_other(call: Call) -> int:
    args = [arg for arg in call.args if arg != "-p"]
    if call.name == "command" and args[:1] == ["-v"]:
        return await call.shell.run_text(f"which {args[-1]}")
    if call.name == "nohup":
        call.process.ignored.add(1)
    status = await call.shell.run_argv(args, call) if args else 0
    call.shell.should_exit = call.shell.should_exit or (call.name == "exec" and bool(args))
    return status


@SHELL.add("kill", builtin=True)
async def kill(call: Call) -> int:
    """As in dash: `kill -9 -PGID` works, `kill -9 -- -PGID` is rejected."""
    args = list(call.args)
    signal: int | None = 15
    if args and args[0] == "-s" and len(args) > 1:
        signal, args = parse_signal(args[1]), args[2:]
    elif len(args) > 1 and args[0].startswith("-"):
        signal, args = parse_signal(args[0][1:]), args[1:]
    if signal is None:
        return await call.fail("unknown signal")
    if not args:
        return await call.fail("usage: kill [-s signal] pid ...", 2)
    status = 0
    for arg in args:
        if not arg.removeprefix("-").isdigit():
            return await call.fail(f"Illegal number: {arg}", 2)
        pids = call.device.processes.kill(int(arg), signal)
        call.device.journal.add("killed", target=int(arg), signal=signal, pids=pids)
        if not pids:
            status = await call.fail(f"{arg}: No such process")
    return status


@SHELL.add("sh", "mksh")
async def sub_shell(call: Call) -> int:
    script = call.option("-c")
    if script is not None:
        call.shell.arguments = call.args[call.args.index("-c") + 3 :]
        return await call.shell.run_text(script)
    if call.operands():
        path = normalize(call.operands()[0], call.shell.cwd)
        call.shell.arguments = call.operands()[1:]
        return await call.shell.run_text(call.device.files.read(path).decode("utf-8", "surrogateescape"))
    while line := await call.stdin.line():
        status = await call.shell.run_text(line.decode("utf-8", "surrogateescape"))
        if call.shell.should_exit:
            return status
    return call.shell.status
