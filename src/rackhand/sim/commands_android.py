"""Android's own command-line tools: am, pm, cmd, settings, svc, input, wm, screencap, logcat and the like.

Belongs here: tools that talk to the framework. Must not: dumpsys (`dumpsys.py`) or system tools.
"""

import asyncio
import re
import time

from rackhand.sim.call import Call, CommandTable
from rackhand.sim.device import LAUNCHER, Media
from rackhand.sim.filesystem import normalize
from rackhand.sim.install import install, uninstall

ANDROID = CommandTable()
VIEW = "android.intent.action.VIEW"
NOISE = b"WARNING: linker: unused DT entry\n"
MULTI_DISPLAY = (
    b"[Warning] Multiple displays were found, but no display id was specified! Defaulting to the first display found\n"
)


async def unknown(call: Call, what: str) -> int:
    """Never a silent success: journal it and answer 127."""
    call.device.journal.add("not_simulated", name=what)
    return await call.fail(f"not simulated: {what}", 127)


@ANDROID.add("am")
async def am(call: Call) -> int:
    actions = {
        "start": am_start, "start-activity": am_start, "force-stop": am_stop, "kill": am_stop,
        "broadcast": am_broadcast, "startservice": am_broadcast, "kill-all": am_broadcast,
    }  # fmt: skip
    action = actions.get(call.args[0] if call.args else "")
    return await action(call) if action else await unknown(call, " ".join(["am", *call.args[:1]]))


async def am_start(call: Call) -> int:
    device = call.device
    url, component = call.option("-d"), call.option("-n") or ""
    package, _, activity = component.partition("/")
    last = call.args[-1]
    if not package and "/" in last and not last.startswith("-") and "://" not in last:
        package, _, activity = last.partition("/")
    package = package or call.option("-p") or call.option("--package") or ""
    if not package and url is not None:
        package = "com.google.android.youtube" if "youtu" in url else "com.android.chrome"
    if not package or package not in device.packages:
        what = f"Activity class {{{component}}} does not exist." if component else "unable to resolve Intent"
        await call.out(f"Starting: Intent {{ {' '.join(call.args[1:])} }}\n")
        await call.stderr.write(f"Error type 3\nError: {what}\n".encode())
        return 1
    device.start_app(package, activity)
    if url is not None:
        device.screen.note = url
        is_video = "youtu" in url or package.endswith("youtube")
        device.media = Media(package, is_video, url) if is_video else device.media
    await call.out(f"Starting: Intent {{ act={call.option('-a') or 'android.intent.action.MAIN'} pkg={package} }}\n")
    if "W" in call.flags():
        await call.out(f"Status: ok\nLaunchState: COLD\nActivity: {device.screen.focus}\nTotalTime: 123\nComplete\n")
    return 0


async def am_stop(call: Call) -> int:
    for package in call.operands()[1:]:
        call.device.stop_app(package)
    return 0


async def am_broadcast(call: Call) -> int:
    await call.out(f"Broadcasting: Intent {{ {' '.join(call.args[1:])} }}\nBroadcast completed: result=0\n")
    return 0


@ANDROID.add("monkey")
async def monkey(call: Call) -> int:
    package = call.option("-p")
    if package not in call.device.packages:
        await call.out("** No activities found to run, monkey aborted.\n")
        return 252
    call.device.start_app(package)
    await call.out(f"Events injected: {call.args[-1]}\n## Network stats: elapsed time=12ms\n")
    return 0


@ANDROID.add("pm")
async def pm(call: Call) -> int:
    actions = {"list": pm_list, "path": pm_path, "install": pm_install, "uninstall": pm_uninstall,
               "clear": pm_clear, "grant": pm_known, "revoke": pm_known, "enable": pm_known,
               "disable-user": pm_known}  # fmt: skip
    action = actions.get(call.args[0] if call.args else "")
    return await action(call) if action else await unknown(call, " ".join([call.name, *call.args[:1]]))


async def pm_list(call: Call) -> int:
    if call.args[1:2] != ["packages"]:
        return await unknown(call, "pm " + " ".join(call.args))
    wanted = (call.operands()[2:] or [""])[0]
    names = [p for p in call.device.packages.values() if wanted in p.name and ("3" not in call.flags() or p.path)]
    version = " versionCode:{}" if "--show-versioncode" in call.args else ""
    await call.out("".join(f"package:{p.name}{version.format(p.version)}\n" for p in sorted(names, key=str)))
    return 0


async def pm_path(call: Call) -> int:
    package = call.device.packages.get(call.args[-1])
    if package is None:
        return 1
    await call.out(f"package:{package.path or '/system/app/' + package.name + '.apk'}\n")
    return 0


async def answer_failure(call: Call, failure: str) -> int:
    await call.out(f"Failure [{failure}]\n" if failure else "Success\n")
    return 1 if failure else 0


async def pm_install(call: Call) -> int:
    replace = "r" in call.flags()
    size = call.option("-S")
    if size is not None:
        try:
            data = await call.stdin.exactly(int(size))
        except EOFError:
            return await answer_failure(call, "INSTALL_FAILED_INVALID_APK: the stream ended early")
        return await answer_failure(call, install(call.device, data, replace=replace))
    node = call.device.files.get(normalize(call.args[-1], call.shell.cwd))
    if node is None or node.is_folder:
        await call.stderr.write(f"Error: Unable to open file: {call.args[-1]}\n".encode())
        return 1
    return await answer_failure(call, install(call.device, node.data, replace=replace))


async def pm_uninstall(call: Call) -> int:
    return await answer_failure(call, uninstall(call.device, call.args[-1]))


async def pm_clear(call: Call) -> int:
    is_known = call.args[-1] in call.device.packages
    call.device.stop_app(call.args[-1])
    await call.out("Success\n" if is_known else "Failed\n")
    return 0 if is_known else 1


async def pm_known(call: Call) -> int:
    """Accepted if the package is installed."""
    if not any(operand in call.device.packages for operand in call.operands()[1:]):
        return await call.fail(f"Unknown package: {' '.join(call.operands()[1:])}", 255)
    return 0


@ANDROID.add("cmd")
async def cmd(call: Call) -> int:
    tables = {"package": pm, "activity": am, "settings": settings, "media_session": media}
    table = tables.get(call.args[0] if call.args else "")
    if table is None:
        return await unknown(call, " ".join(["cmd", *call.args[:2]]))
    call.args = call.args[1:]
    return await table(call)


@ANDROID.add("settings")
async def settings(call: Call) -> int:
    args = [arg for arg in call.args if arg not in ("--user", "current")]
    if len(args) < 2 or args[1] not in call.device.settings:
        return await call.fail(f"Invalid namespace '{' '.join(args[1:2])}'", 255)
    values = call.device.settings[args[1]]
    if args[0] == "list":
        await call.out("".join(f"{name}={value}\n" for name, value in sorted(values.items())))
    elif args[0] == "get" and len(args) == 3:
        await call.out(values.get(args[2], "null") + "\n")
    elif args[0] == "put" and len(args) >= 4:
        values[args[2]] = args[3]
    elif args[0] == "delete" and len(args) == 3:
        await call.out(f"Deleted {1 if values.pop(args[2], None) is not None else 0} rows\n")
    else:
        return await call.fail("Bad arguments", 255)
    return 0


@ANDROID.add("svc")
async def svc(call: Call) -> int:
    device, args = call.device, call.args
    if len(args) == 2 and args[0] in device.radios and args[1] in ("enable", "disable"):
        device.radios[args[0]] = args[1] == "enable"
        if args[0] == "wifi":
            device.settings["global"]["wifi_on"] = "1" if args[1] == "enable" else "0"
    elif args[:1] == ["power"] and len(args) >= 2:
        if args[1] == "reboot":
            device.reboot()
        elif args[1] == "stayon":
            device.settings["global"]["stay_on_while_plugged_in"] = "7" if "true" in args else "0"
    else:
        return await unknown(call, "svc " + " ".join(args))
    return 0


@ANDROID.add("input")
async def send_input(call: Call) -> int:
    if call.device.faults.is_on("input_refused"):
        await call.stderr.write(b"java.lang.SecurityException: Injecting to another application requires ")
        await call.stderr.write(b"INJECT_EVENTS permission\n")
        return 255
    sources = ("touchscreen", "keyboard", "mouse", "dpad")
    args = call.args[1:] if call.args[:1] and call.args[0] in sources else call.args
    lengths = {"tap": (3,), "swipe": (5, 6), "text": (2,), "draganddrop": (5, 6), "roll": (3,)}
    action = args[0] if args else ""
    if action == "keyevent" and len(args) > 1:
        for key in args[1:]:
            if not key.startswith("-"):
                press(call, key.removeprefix("KEYCODE_"))
    elif len(args) in lengths.get(action, ()):
        if action != "text":
            [float(arg) for arg in args[1:]]
        call.device.screen.note = " ".join(args)
    else:
        await call.stderr.write(b"Error: Invalid arguments for command: " + action.encode() + b"\n")
        return 255
    return 0


def press(call: Call, key: str) -> None:
    """What a key does to the screen."""
    device = call.device
    screen = device.screen
    if key in ("3", "HOME"):
        device.start_app(LAUNCHER)
    elif key in ("26", "POWER"):
        screen.is_on = not screen.is_on
    elif key in ("223", "SLEEP"):
        screen.is_on = False
    elif key in ("224", "WAKEUP"):
        screen.is_on = True
    elif key in ("82", "MENU"):
        screen.is_locked = False
    elif key in ("85", "MEDIA_PLAY_PAUSE") and device.media.package:
        device.media.is_playing = not device.media.is_playing
    else:
        screen.note = f"key {key}"


@ANDROID.add("wm")
async def wm(call: Call) -> int:
    screen, args = call.device.screen, call.args
    if args[:1] == ["size"]:
        match = re.fullmatch(r"(\d+)x(\d+)", args[1]) if len(args) > 1 else None
        if match:
            screen.width, screen.height = int(match.group(1)), int(match.group(2))
        else:
            await call.out(f"Physical size: {screen.width}x{screen.height}\n")
    elif args[:1] == ["density"]:
        await call.out(f"Physical density: {screen.density}\n")
    elif args[:1] == ["dismiss-keyguard"]:
        screen.is_locked = False
    else:
        return await unknown(call, "wm " + " ".join(args))
    return 0


@ANDROID.add("screencap")
async def screencap(call: Call) -> int:
    device = call.device
    is_black = device.faults.is_on("black_screen", "secure_screen")
    device.battery.advance(device.now())
    data = device.screen.picture(device.now(), device.battery.level, is_black=is_black)
    if device.faults.is_on("multi_display"):
        data = MULTI_DISPLAY + data
    if device.faults.is_on("garbage_before_png"):
        data = NOISE + data
    if call.operands():
        device.files.write(normalize(call.operands()[-1], call.shell.cwd), data)
    else:
        await call.stdout.write(data)
    return 0


@ANDROID.add("logcat")
async def logcat(call: Call) -> int:
    if "c" in call.flags() and "-d" not in call.args:
        return 0
    count = int(call.option("-t") or call.option("-T") or 50)
    for number in range(min(count, 10_000)):
        await call.out(log_line(call, number))
    if "d" in call.flags() or call.option("-t") is not None:
        return 0
    number = count
    while True:
        await call.out(log_line(call, number))
        number += 1
        await asyncio.sleep(0.05)


def log_line(call: Call, number: int) -> str:
    now = call.device.now()
    moment = time.strftime("%m-%d %H:%M:%S", time.gmtime(now / 1000))
    package = call.device.screen.package
    pid = 1000 + number % 7
    return f"{moment}.{now % 1000:03d}  {pid:>5} {pid:>5} I Sim     : line {number} {package}\n"


@ANDROID.add("uiautomator")
async def uiautomator(call: Call) -> int:
    if call.args[:1] != ["dump"]:
        return await unknown(call, "uiautomator " + " ".join(call.args))
    path = (call.operands()[1:] or ["/sdcard/window_dump.xml"])[0]
    screen = call.device.screen
    bounds = f"[0,0][{screen.width},{screen.height}]"
    node = f'<node index="0" text="{screen.label}" package="{screen.package}" bounds="{bounds}" />'
    xml = f"<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><hierarchy rotation=\"0\">{node}</hierarchy>"
    if path == "/dev/tty":
        await call.out(xml + "\n")
    else:
        call.device.files.write(normalize(path, call.shell.cwd), xml.encode())
    await call.out(f"UI hierchary dumped to: {path}\n")
    return 0


@ANDROID.add("media", "cmd-media")
async def media(call: Call) -> int:
    if call.args[:1] == ["volume"] and (wanted := call.option("--set")) is not None:
        return await set_volume(call, wanted)
    session = call.device.media
    if call.args[:1] != ["dispatch"] or len(call.args) < 2:
        return await unknown(call, "media " + " ".join(call.args))
    if session.package:
        session.is_playing = {"play": True, "pause": False, "stop": False}.get(call.args[1], not session.is_playing)
    return 0


async def set_volume(call: Call, wanted: str) -> int:
    """`volume --stream 3 --set N`: kept where Android keeps it, among the settings."""
    if not wanted.isascii() or not wanted.isdigit():
        return await call.fail(f"[E] bad volume {wanted}", 1)
    call.device.settings["system"]["volume_music_speaker"] = wanted
    await call.out(f"[V] will set volume to index={wanted}\n")
    return 0
