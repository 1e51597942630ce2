"""Commands that print, filter and compare text.

Belongs here: what toybox does with bytes and strings. Must not: files beyond reading operands, or Android.
"""

import asyncio
import base64
import hashlib
import re

from rackhand.sim.call import Call, CommandTable, decode, encode
from rackhand.sim.filesystem import FileError, normalize

TEXT = CommandTable()
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_FORMAT = re.compile(r"%(-?0?\d*)([sdiuxXcb%])|\\(0?[0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)


def unescape(match: re.Match[str]) -> str:
    """One backslash escape."""
    code = match.group(match.lastindex or 0)
    if code[0] in "01234567":
        return decode(bytes([int(code, 8) & 255]))
    if code[0] == "x" and len(code) > 1:
        return decode(bytes([int(code[1:], 16)]))
    return _ESCAPES.get(code, "\\" + code)


def format_once(template: str, values: list[str]) -> str:
    """Fill one round of a printf template, taking values from the list."""

    def fill(match: re.Match[str]) -> str:
        if match.group(3):
            return unescape(match)
        width, kind = match.group(1), match.group(2)
        if kind == "%":
            return "%"
        value = values.pop(0) if values else ""
        if kind in "diuxX":
            return f"%{width}{'d' if kind in 'iu' else kind}" % int(value or "0", 0)
        return f"%{width}s" % (value[:1] if kind == "c" else value)

    return _FORMAT.sub(fill, template)


@TEXT.add("echo", builtin=True)
async def echo(call: Call) -> int:
    args, end = list(call.args), "\n"
    interpret = False
    while args and args[0] in ("-n", "-e", "-E", "-ne", "-en"):
        option = args.pop(0)
        end = "" if "n" in option else end
        interpret = interpret or "e" in option
    text = " ".join(args)
    await call.out((re.sub(r"\\(.)", unescape, text) if interpret else text) + end)
    return 0


@TEXT.add("printf", builtin=True)
async def printf(call: Call) -> int:
    if not call.args:
        return await call.fail("not enough arguments")
    template, *values = call.args
    text = format_once(template, values)
    while values:
        before = len(values)
        text += format_once(template, values)
        if len(values) == before:
            break
    await call.out(text)
    return 0


async def read_inputs(call: Call, operands: list[str]) -> bytes:
    """The files named, or stdin."""
    if not operands or operands == ["-"]:
        return await call.stdin.rest()
    parts = []
    for name in operands:
        try:
            parts.append(call.device.files.read(normalize(name, call.shell.cwd)))
        except FileError as error:
            raise FileError(f"{name}: {error}") from error
    return b"".join(parts)


@TEXT.add("cat")
async def cat(call: Call) -> int:
    if call.operands():
        await call.stdout.write(await read_inputs(call, call.operands()))
        return 0
    while line := await call.stdin.line():
        await call.stdout.write(line)
    return 0


@TEXT.add("head", "tail")
async def head(call: Call) -> int:
    count, operands = 10, call.operands()
    for position, arg in enumerate(call.args):
        if arg in ("-n", "-c") and position + 1 < len(call.args):
            count = int(call.args[position + 1])
            operands.remove(call.args[position + 1])
        elif re.fullmatch(r"-n?\d+", arg):
            count = int(arg.lstrip("-n"))
    if "-c" in call.args:
        data = await read_inputs(call, operands)
        await call.stdout.write(data[:count] if call.name == "head" else data[-count:])
    elif call.name == "head" and not operands:
        for _ in range(count):
            if not (line := await call.stdin.line()):
                break
            await call.stdout.write(line)
    else:
        lines = (await read_inputs(call, operands)).splitlines(keepends=True)
        await call.stdout.write(b"".join(lines[:count] if call.name == "head" else lines[-count:] if count else []))
    return 0


@TEXT.add("grep")
async def grep(call: Call) -> int:
    flags, operands = call.flags(), call.operands()
    if not operands:
        return await call.fail("no pattern", 2)
    pattern = re.escape(operands[0]) if "F" in flags else operands[0]
    if not flags & {"E", "F"}:
        pattern = re.sub(r"\\([|+?(){}])", r"\1", pattern)
    try:
        found = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error as error:
        return await call.fail(f"bad pattern: {error}", 2)
    lines = decode(await read_inputs(call, operands[1:])).splitlines()
    hits = [line for line in lines if bool(found.search(line)) != ("v" in flags)]
    if "c" in flags:
        await call.out(f"{len(hits)}\n")
    elif "q" not in flags:
        await call.out("".join(line + "\n" for line in hits))
    return 0 if hits else 1


@TEXT.add("wc")
async def wc(call: Call) -> int:
    data = await read_inputs(call, call.operands())
    counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
    shown = [str(counts[flag]) for flag in "lwc" if not call.flags() or flag in call.flags()]
    await call.out(" ".join(shown + call.operands()[:1]) + "\n")
    return 0


@TEXT.add("sort", "uniq", "tac", "rev")
async def reorder(call: Call) -> int:
    lines = decode(await read_inputs(call, call.operands())).splitlines()
    if call.name == "sort":
        lines = sorted(set(lines) if "u" in call.flags() else lines, reverse="r" in call.flags())
    elif call.name == "uniq":
        lines = [line for position, line in enumerate(lines) if position == 0 or line != lines[position - 1]]
    else:
        lines = lines[::-1] if call.name == "tac" else [line[::-1] for line in lines]
    await call.out("".join(line + "\n" for line in lines))
    return 0


@TEXT.add("cut")
async def cut(call: Call) -> int:
    match = re.fullmatch(r"-d(.)-f(\d+)", "".join(call.args[:4]).replace(" ", " ")) or re.search(
        r"-d ?(.) ?-f ?(\d+)", " ".join(call.args)
    )
    if match is None:
        return await call.fail("only -d C -f N is simulated", 127)
    place = int(match.group(2)) - 1
    for line in decode(await call.stdin.rest()).splitlines():
        fields = line.split(match.group(1))
        await call.out((fields[place] if place < len(fields) else "") + "\n")
    return 0


@TEXT.add("tr")
async def tr(call: Call) -> int:
    text = decode(await call.stdin.rest())
    old, *new = [re.sub(r"\\(.)", unescape, arg) for arg in call.operands()]
    if "d" in call.flags():
        await call.out("".join(c for c in text if c not in old))
        return 0
    if not new:
        return await call.fail("needs two sets")
    table = {ord(c): new[0][min(i, len(new[0]) - 1)] for i, c in enumerate(old) if new[0]}
    await call.out(text.translate(table))
    return 0


@TEXT.add("seq")
async def seq(call: Call) -> int:
    numbers = [int(arg) for arg in call.args]
    first, last = (numbers[0], numbers[-1]) if len(numbers) > 1 else (1, numbers[0])
    step = numbers[1] if len(numbers) == 3 else 1
    if step == 0 or abs(last - first) > 1_000_000:
        return await call.fail("too many numbers")
    await call.out("".join(f"{n}\n" for n in range(first, last + (1 if step > 0 else -1), step)))
    return 0


@TEXT.add("yes")
async def yes(call: Call) -> int:
    line = encode((" ".join(call.args) or "y") + "\n")
    block = line * max(1, 4096 // len(line))
    while True:
        await call.stdout.write(block)
        await asyncio.sleep(0)


@TEXT.add("md5sum", "sha1sum", "sha256sum")
async def checksum(call: Call) -> int:
    for name in call.operands() or ["-"]:
        digest = hashlib.new(call.name.removesuffix("sum"), await read_inputs(call, [name]), usedforsecurity=False)
        await call.out(f"{digest.hexdigest()}  {name}\n")
    return 0


@TEXT.add("base64")
async def base64_encode(call: Call) -> int:
    data = await read_inputs(call, call.operands())
    await call.stdout.write(base64.b64decode(data) if "d" in call.flags() else base64.encodebytes(data))
    return 0


@TEXT.add("basename", "dirname")
async def path_part(call: Call) -> int:
    head_part, _, last = call.args[0].rstrip("/").rpartition("/") if call.args else ("", "", "")
    await call.out((last if call.name == "basename" else head_part or ".") + "\n")
    return 0


@TEXT.add("test", "[", builtin=True)
async def test(call: Call) -> int:
    args = list(call.args)
    if call.name == "[":
        if args[-1:] != ["]"]:
            return await call.fail("missing ]", 2)
        args.pop()
    is_negated = args[:1] == ["!"]
    answer = holds(call, args[1:] if is_negated else args)
    return int(answer == is_negated)


def holds(call: Call, args: list[str]) -> bool:
    """The value of a test expression; ValueError for one that is not simulated."""
    if len(args) <= 1:
        return bool(args and args[0])
    if len(args) == 2:
        node = call.device.files.get(normalize(args[1], call.shell.cwd))
        unary = {
            "-n": bool(args[1]), "-z": not args[1], "-e": node is not None, "-r": node is not None,
            "-f": node is not None and not node.is_folder, "-d": node is not None and node.is_folder,
            "-s": node is not None and bool(node.data),
        }  # fmt: skip
        if args[0] not in unary:
            raise ValueError(f"unknown operator {args[0]}")
        return unary[args[0]]
    left, operator, right = args[0], args[1], args[2]
    if operator in ("=", "==", "!="):
        return (left == right) == (operator != "!=")
    a, b = int(left), int(right)
    numeric = {"-eq": a == b, "-ne": a != b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b}
    if operator not in numeric or len(args) > 3:
        raise ValueError(f"unknown operator {operator}")
    return numeric[operator]
