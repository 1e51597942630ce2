"""`dumpsys`: the answers of Android's services, as far as an agent reads them.

Belongs here: one function per service. Must not: state; it all comes from the device. Another service answers 127.
"""

from collections.abc import Callable

from rackhand.sim.call import Call, CommandTable
from rackhand.sim.device import SimDevice

DUMPSYS = CommandTable()


def battery(device: SimDevice, _args: list[str]) -> str:
    device.battery.advance(device.now())
    model = device.battery
    status = 2 if model.is_charging else 5 if model.is_powered and model.level >= 100 else 3
    health = 3 if model.temperature >= 450 else 2
    return (
        "Current Battery Service state:\n  AC powered: false\n"
        f"  USB powered: {str(model.is_powered).lower()}\n  Wireless powered: false\n"
        f"  status: {status}\n  health: {health}\n  present: true\n  level: {model.level}\n  scale: 100\n"
        f"  voltage: {3500 + 7 * model.level}\n  temperature: {model.temperature}\n  technology: Li-ion\n"
    )


def set_battery(device: SimDevice, args: list[str]) -> str:
    """`dumpsys battery set level N`, `unplug`, `reset`: fakes values, as on a phone."""
    model = device.battery
    model.advance(device.now())
    if args[:1] == ["reset"]:
        model.fake_level(None)
        model.fake_temperature(None)
        model.is_powered = True
    elif args[:1] == ["unplug"]:
        model.is_powered = False
    elif args[:2] == ["set", "level"] and len(args) == 3:
        model.fake_level(int(args[2]))
    elif args[:2] == ["set", "temp"] and len(args) == 3:
        model.fake_temperature(int(args[2]))
    return ""


def thermal(device: SimDevice, _args: list[str]) -> str:
    device.battery.advance(device.now())
    celsius = device.battery.temperature / 10
    return (
        "IsStatusOverride: false\n"
        f"Thermal Status: {device.battery.thermal_status}\nCached temperatures:\n"
        f"\tTemperature{{mValue={celsius}, mType=2, mName=battery, mStatus={device.battery.thermal_status}}}\n"
        "HAL Ready: true\n"
    )


def power(device: SimDevice, _args: list[str]) -> str:
    state = "Awake" if device.screen.is_on else "Asleep"
    stay_on = device.settings["global"]["stay_on_while_plugged_in"]
    return (
        f"POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mWakefulness={state}\n"
        f"  mIsPowered={str(device.battery.is_powered).lower()}\n  mBatteryLevel={device.battery.level}\n"
        f"  mStayOnWhilePluggedInSetting={stay_on}\nDisplay Power: state={'ON' if device.screen.is_on else 'OFF'}\n"
    )


def window(device: SimDevice, _args: list[str]) -> str:
    screen = device.screen
    return (
        "WINDOW MANAGER WINDOWS (dumpsys window windows)\n"
        f"  mCurrentFocus=Window{{1a2b3c u0 {screen.focus}}}\n"
        f"  mFocusedApp=ActivityRecord{{4d5e6f u0 {screen.focus} t7}}\n"
        f"  mDreamingLockscreen={str(screen.is_locked).lower()} mShowingDream=false\n"
        f"  mRotation={screen.rotation}\n"
    )


def activity(device: SimDevice, _args: list[str]) -> str:
    screen = device.screen
    tasks = "".join(f"    * Task{{{pid:x} A={name}}}\n" for name, pid in device.running_apps.items())
    return (
        "ACTIVITY MANAGER ACTIVITIES (dumpsys activity activities)\n"
        f"  mResumedActivity: ActivityRecord{{4d5e6f u0 {screen.focus} t7}}\n"
        f"  topResumedActivity=ActivityRecord{{4d5e6f u0 {screen.focus} t7}}\n{tasks}"
    )


def media_session(device: SimDevice, _args: list[str]) -> str:
    media = device.media
    if not media.package:
        return "MEDIA SESSION SERVICE (dumpsys media_session)\n\n  Sessions Stack - have 0 sessions:\n"
    state = 3 if media.is_playing else 2
    return (
        "MEDIA SESSION SERVICE (dumpsys media_session)\n\n  Sessions Stack - have 1 sessions:\n"
        f"    MediaSession {media.package}/MediaSession (userId=0)\n      package={media.package}\n      active=true\n"
        f"      state=PlaybackState {{state={state}, position=1000, speed=1.0}}\n"
        f"      metadata: size=3, description={media.title}, null, null\n"
    )


def package(device: SimDevice, args: list[str]) -> str:
    names = args or sorted(device.packages)
    found = [device.packages[name] for name in names if name in device.packages]
    if not found:
        return f"Unable to find package: {' '.join(args)}\n"
    return "Packages:\n" + "".join(
        f"  Package [{p.name}] (abc123):\n    versionCode={p.version} minSdk=26 targetSdk=34\n"
        f"    versionName={p.version}.0\n    codePath={p.path or '/system/app/' + p.name}\n"
        for p in found
    )


def wifi(device: SimDevice, _args: list[str]) -> str:
    state = "enabled" if device.radios["wifi"] else "disabled"
    return f'Wi-Fi is {state}\nmWifiInfo SSID: "rack", RSSI: -52, Link speed: 433Mbps\n'


def display(device: SimDevice, _args: list[str]) -> str:
    screen = device.screen
    state = "ON" if screen.is_on else "OFF"
    return f"DISPLAY MANAGER (dumpsys display)\n  mScreenState={state}\n  {screen.width} x {screen.height}\n"


DUMPS: dict[str, Callable[[SimDevice, list[str]], str]] = {
    "battery": battery, "thermalservice": thermal, "power": power, "window": window, "activity": activity,
    "media_session": media_session, "package": package, "wifi": wifi, "display": display,
}  # fmt: skip


@DUMPSYS.add("dumpsys")
async def dumpsys(call: Call) -> int:
    if call.args[:1] == ["-l"]:
        await call.out("Currently running services:\n" + "".join(f"  {name}\n" for name in sorted(DUMPS)))
        return 0
    if "-t" in call.args[:1]:
        call.args = call.args[2:]
    name = call.args[0] if call.args else ""
    if name not in DUMPS:
        call.device.journal.add("not_simulated", name=f"dumpsys {name}".strip())
        return await call.fail(f"Can't find service: {name} (not simulated)", 127)
    if name == "battery" and call.args[1:]:
        await call.out(set_battery(call.device, call.args[1:]))
        return 0
    await call.out(DUMPS[name](call.device, call.args[1:]))
    return 0
