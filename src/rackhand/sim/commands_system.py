"""Commands that ask for or change the state of the system below Android's services.

Belongs here: properties, processes, time, identity, reboot. Must not: apps (`commands_android.py`).
"""

import asyncio
import time

from rackhand.sim.call import Call, CommandTable
from rackhand.sim.commands_files import FILES
from rackhand.sim.commands_shell import SHELL
from rackhand.sim.commands_text import TEXT
from rackhand.sim.process import NAMES, parse_signal

SYSTEM = CommandTable()


@SYSTEM.add("getprop")
async def getprop(call: Call) -> int:
    props = call.device.props
    if call.args:
        await call.out((props.get(call.args[0]) or "".join(call.args[1:2])) + "\n")
    else:
        await call.out("".join(f"[{name}]: [{value}]\n" for name, value in sorted(props.items())))
    return 0


@SYSTEM.add("setprop")
async def setprop(call: Call) -> int:
    if len(call.args) != 2:
        return await call.fail("usage: setprop NAME VALUE")
    if call.args[0].startswith("ro."):
        return await call.fail(f"failed to set property '{call.args[0]}' to '{call.args[1]}'")
    call.device.props[call.args[0]] = call.args[1]
    return 0


@SYSTEM.add("sleep", "usleep")
async def sleep(call: Call) -> int:
    scale = {"m": 60.0, "h": 3600.0, "s": 1.0}
    seconds = 0.0
    for arg in call.args:
        seconds += float(arg.rstrip("smh")) * scale.get(arg[-1:], 1.0)
    await asyncio.sleep(max(0.0, seconds / (1_000_000 if call.name == "usleep" else 1)))
    return 0


@SYSTEM.add("timeout")
async def timeout(call: Call) -> int:
    """`timeout [-s SIGNAL] [-k N] SECONDS command`: 124 when time is up, 137 with KILL."""
    args, signal = list(call.args), 15
    while args and args[0].startswith("-"):
        option = args.pop(0)
        value = args.pop(0) if option in ("-s", "-k") and args else ""
        signal = parse_signal(value) or 15 if option == "-s" else signal
    if len(args) < 2:
        return await call.fail("needs seconds and a command", 125)
    task = asyncio.ensure_future(call.shell.run_argv(args[1:], call))
    done, _ = await asyncio.wait({task}, timeout=float(args[0].rstrip("s")))
    if done:
        return task.result()
    for process in [p for p in call.device.processes.live.values() if p.ppid == call.process.pid]:
        call.device.processes.deliver(process, signal)
    task.cancel()
    return 137 if signal == 9 else 124


@SYSTEM.add("ps")
async def ps(call: Call) -> int:
    await call.out("USER           PID  PPID  PGID     VSZ    RSS STAT NAME\n")
    rows = [("root", 1, 0, 1, "init"), ("shell", 900, 1, 900, "adbd")]
    rows += [("u0_a1", pid, 1, pid, name) for name, pid in call.device.running_apps.items()]
    rows += [("shell", p.pid, p.ppid, p.pgid, p.args) for p in call.device.processes.live.values()]
    for user, pid, ppid, pgid, name in rows:
        shown = name.replace("\n", " ")[:120]
        await call.out(f"{user:<12} {pid:>5} {ppid:>5} {pgid:>5} {0:>7} {0:>6} S    {shown}\n")
    return 0


@SYSTEM.add("pidof", "pgrep")
async def pidof(call: Call) -> int:
    name = (call.operands() or [""])[0]
    pids = [pid for app, pid in call.device.running_apps.items() if app == name]
    pids += [process.pid for process in call.device.processes.live.values() if process.name == name]
    separator = " " if call.name == "pidof" else "\n"
    if pids:
        await call.out(separator.join(map(str, pids)) + "\n")
    return 0 if pids else 1


@SYSTEM.add("uname")
async def uname(call: Call) -> int:
    await call.out("Linux localhost 5.10.0-sim aarch64 Toybox\n" if "a" in call.flags() else "Linux\n")
    return 0


@SYSTEM.add("date")
async def date(call: Call) -> int:
    now = call.device.now()
    template = next((arg[1:] for arg in call.args if arg.startswith("+")), "%a %b %e %H:%M:%S UTC %Y")
    template = template.replace("%s", str(now // 1000)).replace("%N", f"{now % 1000 * 1_000_000:09d}")
    await call.out(time.strftime(template, time.gmtime(now / 1000)) + "\n")
    return 0


@SYSTEM.add("id")
async def identity(call: Call) -> int:
    await call.out("uid=2000(shell) gid=2000(shell) groups=2000(shell),1004(input) context=u:r:shell:s0\n")
    return 0


@SYSTEM.add("whoami", "hostname", "arch", "nproc", "tty", "getenforce")
async def fixed_answer(call: Call) -> int:
    answers = {"whoami": "shell", "hostname": "localhost", "arch": "aarch64", "nproc": "8", "tty": "not a tty",
               "getenforce": "Enforcing"}  # fmt: skip
    await call.out(answers[call.name] + "\n")
    return 0


@SYSTEM.add("uptime")
async def uptime(call: Call) -> int:
    minutes = call.device.uptime_ms // 60_000
    await call.out(f" up {minutes // 60}:{minutes % 60:02d},  0 users,  load average: 0.42, 0.40, 0.38\n")
    return 0


@SYSTEM.add("reboot")
async def reboot(call: Call) -> int:
    call.device.reboot()
    await asyncio.sleep(60)
    return 0


@SYSTEM.add("which", "type")
async def which(call: Call) -> int:
    known = {**SHELL, **TEXT, **FILES, **SYSTEM, **dict.fromkeys(ANDROID_NAMES)}
    found = [name for name in call.operands() if name in known]
    await call.out("".join(f"/system/bin/{name}\n" for name in found))
    return 0 if found and len(found) == len(call.operands()) else 1


ANDROID_NAMES = (
    "am", "pm", "cmd", "svc", "settings", "input", "wm", "screencap", "logcat", "dumpsys", "monkey", "uiautomator",
)  # fmt: skip


@SYSTEM.add("killall", "pkill")
async def killall(call: Call) -> int:
    name = (call.operands() or [""])[0]
    reached = [p for p in call.device.processes.live.values() if p.name == name and p is not call.process]
    for process in reached:
        call.device.processes.deliver(process, 15)
    call.device.journal.add("killed", target=0, signal=15, name=NAMES[15], pids=[p.pid for p in reached])
    return 0 if reached else 1


@SYSTEM.add("ping")
async def ping(call: Call) -> int:
    if not call.device.radios["wifi"]:
        return await call.fail("connect: Network is unreachable", 2)
    await call.out(f"PING {call.operands()[-1]} 56(84) bytes of data.\n1 packets transmitted, 1 received, 0% loss\n")
    return 0
