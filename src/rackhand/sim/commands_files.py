"""Commands on the file tree of the device.

Belongs here: ls, rm, cp and the like. Must not: Android or text filters.
"""

import asyncio
import stat
import time
from typing import Any

from rackhand.sim.call import Call, CommandTable
from rackhand.sim.filesystem import FileError, Node, normalize

FILES = CommandTable()


def full(call: Call, name: str) -> str:
    return normalize(name, call.shell.cwd)


def stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def long_line(name: str, node: Node) -> str:
    return f"{stat.filemode(node.mode)} 1 shell shell {len(node.data):>8} {stamp(node.mtime)} {name}\n"


@FILES.add("ls")
async def ls(call: Call) -> int:
    status = 0
    flags = call.flags()
    for name in call.operands() or ["."]:
        node = call.device.files.get(full(call, name))
        if node is None:
            status = await call.fail(f"{name}: No such file or directory")
            continue
        is_listed = node.is_folder and "d" not in flags
        shown = list(call.device.files.children(full(call, name))) if is_listed else [(name, node)]
        await call.out("".join(long_line(*each) if "l" in flags else each[0] + "\n" for each in shown))
    return status


@FILES.add("mkdir")
async def mkdir(call: Call) -> int:
    for name in call.operands():
        try:
            call.device.files.mkdir(full(call, name), parents="p" in call.flags())
        except FileError as error:
            return await call.fail(f"'{name}': {error}")
    return 0


@FILES.add("rm")
async def rm(call: Call) -> int:
    flags, status = call.flags(), 0
    for name in call.operands():
        try:
            call.device.files.remove(full(call, name), recursive=bool(flags & {"r", "R"}))
        except FileError as error:
            if "f" not in flags:
                status = await call.fail(f"{name}: {error}")
    return status


@FILES.add("rmdir")
async def rmdir(call: Call) -> int:
    for name in call.operands():
        call.device.files.remove_folder(full(call, name))
    return 0


@FILES.add("cp", "mv")
async def copy(call: Call) -> int:
    names = call.operands()
    if len(names) != 2:
        return await call.fail("needs a source and a target")
    source, target = full(call, names[0]), full(call, names[1])
    data = call.device.files.read(source)
    found = call.device.files.get(target)
    if found is not None and found.is_folder:
        target = f"{target.rstrip('/')}/{source.rsplit('/', 1)[-1]}"
    call.device.files.write(target, data)
    if call.name == "mv" and source != target:
        call.device.files.remove(source)
    return 0


@FILES.add("touch")
async def touch(call: Call) -> int:
    for name in call.operands():
        call.device.files.append(full(call, name), b"")
    return 0


@FILES.add("chmod", "chown", "sync", "restorecon")
async def no_effect(call: Call) -> int:
    """Accepted without a visible effect; names after the mode must exist."""
    for name in call.operands()[1:]:
        call.device.files.need(full(call, name))
    return 0


@FILES.add("stat")
async def stat_file(call: Call) -> int:
    names, template = call.operands(), call.option("-c")
    if template is not None:
        names.remove(template)
    for name in names:
        node = call.device.files.need(full(call, name))
        fields: dict[str, Any] = {"%s": len(node.data), "%n": name, "%Y": node.mtime, "%a": f"{node.mode & 0o7777:o}"}
        text = template or "  File: %n\n  Size: %s\t Modify: %Y"
        for key, value in fields.items():
            text = text.replace(key, str(value))
        await call.out(text + "\n")
    return 0


@FILES.add("find")
async def find(call: Call) -> int:
    root = full(call, (call.operands() or ["."])[0])
    call.device.files.need(root)
    inside = root.rstrip("/") + "/"
    await call.out("".join(p + "\n" for p in call.device.files.paths() if p == root or p.startswith(inside)))
    return 0


@FILES.add("du")
async def du(call: Call) -> int:
    for name in call.operands() or ["."]:
        inside = full(call, name).rstrip("/") + "/"
        files = call.device.files
        total = sum(len(files.need(p).data) for p in files.paths() if (p + "/").startswith(inside))
        await call.out(f"{(total + 1023) // 1024}\t{name}\n")
    return 0


@FILES.add("df")
async def df(call: Call) -> int:
    """1K blocks; every path of the simulated device lies on /data."""
    total, free = call.device.files.total_bytes // 1024, call.device.files.free_bytes // 1024
    used = total - free
    await call.out("Filesystem      1K-blocks     Used Available Use% Mounted on\n")
    for name in call.operands() or ["/data"]:
        call.device.files.need(full(call, name))
        mount = "/storage/emulated" if full(call, name).startswith("/sdcard") else "/data"
        source = "/dev/fuse" if mount != "/data" else "/dev/block/dm-8"
        share = round(100 * used / total)
        await call.out(f"{source:<15} {total:>9} {used:>8} {free:>9} {share:>3}% {mount}\n")
    return 0


@FILES.add("dd")
async def dd(call: Call) -> int:
    """`if=` (a file, /dev/zero or stdin), `of=`, `bs=`, `count=`."""
    options = dict(arg.split("=", 1) for arg in call.args if "=" in arg)
    block = size_of(options.get("bs", "512"))
    count = int(options["count"]) if "count" in options else None
    if options.get("if") == "/dev/zero":
        if count is None and "of" in options:
            return await call.fail("No space left on device")
        return await zeros(call, block, count, options.get("of"))
    data = call.device.files.read(full(call, options["if"])) if "if" in options else await call.stdin.rest()
    data = data if count is None else data[: block * count]
    if "of" in options:
        call.device.files.write(full(call, options["of"]), data)
    else:
        await call.stdout.write(data)
    return 0


async def zeros(call: Call, block: int, count: int | None, target: str | None) -> int:
    """Zero bytes to a file, or to stdout (for ever without a count)."""
    if target is not None:
        size = block * (count or 0)
        if size > call.device.files.free_bytes or size > 64 * 1024 * 1024:
            return await call.fail(f"{target}: write error: No space left on device")
        call.device.files.write(full(call, target), bytes(size))
        return 0
    written = 0
    while count is None or written < count:
        await call.stdout.write(bytes(block))
        written += 1
        await asyncio.sleep(0)
    return 0


def size_of(text: str) -> int:
    """`4k`, `1M` to bytes."""
    scale = {"k": 1024, "K": 1024, "m": 1024**2, "M": 1024**2}.get(text[-1:], 1)
    size = int(text.rstrip("kKmM")) * scale
    if not 0 < size <= 16 * 1024 * 1024:
        raise ValueError(f"block size {text}")
    return size
