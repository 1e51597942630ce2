"""The state of one simulated phone: properties, packages, files, screen, battery, processes, faults, journal.

Belongs here: what the phone is and remembers, boot and reboot. Must not: protocols (fronts) or commands.
Everything random comes from the seed; time is injected.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from rackhand.sim.battery import Battery
from rackhand.sim.faults import FaultSet, Value
from rackhand.sim.filesystem import FileSystem
from rackhand.sim.journal import Journal, JournalFile
from rackhand.sim.process import ProcessTable
from rackhand.sim.screen import Screen

GB = 1024**3
MODELS = (("Sim_Alpha", "14", "34"), ("Sim_Beta", "13", "33"), ("Sim_Gamma", "15", "35"), ("Sim_Delta", "12", "31"))
LAUNCHER = "com.android.launcher3"
PACKAGES = {
    LAUNCHER: ".Launcher",
    "com.android.settings": ".Settings",
    "com.android.chrome": "com.google.android.apps.chrome.Main",
    "com.android.camera2": "com.android.camera.CameraLauncher",
    "com.android.vending": ".AssetBrowserActivity",
    "com.google.android.youtube": ".HomeActivity",
}
SETTINGS = {
    "system": {"screen_brightness": "128", "screen_off_timeout": "60000", "accelerometer_rotation": "0"},
    "global": {"airplane_mode_on": "0", "stay_on_while_plugged_in": "0", "wifi_on": "1", "adb_enabled": "1"},
    "secure": {"install_non_market_apps": "1", "screensaver_enabled": "0"},
}


def wall_clock() -> int:
    """UTC milliseconds now."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """How a device behaves in time: latency of a command in ms (least, most), and its reboot."""

    latency_ms: tuple[int, int] = (0, 0)
    reboot_down_ms: int = 300
    reboot_boot_ms: int = 300


LIVELY = Profile(latency_ms=(5, 20), reboot_down_ms=2000, reboot_boot_ms=3000)


@dataclass(slots=True)
class Package:
    """An installed app; `activity` is what a launcher starts."""

    name: str
    activity: str
    version: int = 1
    installed_at: int = 0
    path: str = ""


@dataclass(slots=True)
class Media:
    """What the media session shows."""

    package: str = ""
    is_playing: bool = False
    title: str = ""


@dataclass(slots=True)
class SimDevice:
    """One phone. `state_changed` is called when the link (front) may have to act, e.g. on a reboot."""

    index: int
    seed: int = 1
    serial: str = ""
    profile: Profile = field(default_factory=Profile)
    now: Callable[[], int] = wall_clock
    journal_file: JournalFile | None = None
    authorized_keys: set[tuple[int, int]] = field(default_factory=set)
    needs_key: bool = False

    chance: random.Random = field(init=False)
    journal: Journal = field(init=False)
    faults: FaultSet = field(init=False, default_factory=FaultSet)
    files: FileSystem = field(init=False)
    processes: ProcessTable = field(init=False)
    battery: Battery = field(init=False)
    screen: Screen = field(init=False)
    props: dict[str, str] = field(init=False)
    settings: dict[str, dict[str, str]] = field(init=False)
    packages: dict[str, Package] = field(init=False)
    running_apps: dict[str, int] = field(init=False, default_factory=dict)
    media: Media = field(init=False, default_factory=Media)
    radios: dict[str, bool] = field(init=False)
    boot_id: str = field(init=False, default="")
    booted_at: int = field(init=False, default=0)
    is_up: bool = field(init=False, default=True)
    on_command: list[Callable[[str], None]] = field(init=False, default_factory=list)
    on_reboot: list[Callable[[], None]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.serial = self.serial or f"SIM{self.index:05d}"
        self.chance = random.Random(f"{self.seed}:{self.index}")
        self.journal = Journal(self.serial, self.now, self.journal_file)
        total = 64 * GB
        self.files = FileSystem(self.now, total, int(total * self.chance.uniform(0.3, 0.7)))
        self.processes = ProcessTable(self.now, lambda text: self.journal.add("crash", error=text))
        self.battery = Battery(self.now(), self.chance.randint(55, 95), self.chance.randint(260, 330))
        self.screen = Screen(self.serial, LAUNCHER)
        self.settings = {namespace: dict(values) for namespace, values in SETTINGS.items()}
        self.packages = {name: Package(name, activity) for name, activity in PACKAGES.items()}
        self.radios = {"wifi": True, "data": True, "bluetooth": False}
        self.props = self._properties()
        self.files.virtual.update(self._virtual_files())
        self.faults.on_change(self._apply_fault)
        self.boot()
        self.finish_boot()

    def _properties(self) -> dict[str, str]:
        model, release, sdk = MODELS[self.index % len(MODELS)]
        return {
            "ro.serialno": self.serial, "ro.boot.serialno": self.serial, "ro.rackhand.simulated": "1",
            "ro.product.name": "sim", "ro.product.device": "sim", "ro.product.model": model,
            "ro.product.brand": "Rackhand", "ro.product.manufacturer": "Rackhand",
            "ro.product.cpu.abi": "arm64-v8a", "ro.build.version.release": release,
            "ro.build.version.sdk": sdk, "ro.build.id": f"SIM.{sdk}", "ro.build.type": "user",
            "ro.build.fingerprint": f"rackhand/sim/sim:{release}/SIM.{sdk}/1:user/release-keys",
            "persist.sys.timezone": "UTC", "persist.sys.locale": "en-US", "init.svc.adbd": "running",
        }  # fmt: skip

    def _virtual_files(self) -> dict[str, Callable[[], bytes]]:
        return {
            "/proc/sys/kernel/random/boot_id": lambda: f"{self.boot_id}\n".encode(),
            "/proc/uptime": lambda: f"{self.uptime_ms / 1000:.2f} {self.uptime_ms / 1100:.2f}\n".encode(),
            "/proc/version": lambda: b"Linux version 5.10.0-sim (rackhand) #1 SMP PREEMPT\n",
            "/proc/meminfo": lambda: b"MemTotal:        7654321 kB\nMemAvailable:    3210987 kB\n",
            "/proc/loadavg": lambda: b"0.42 0.40 0.38 1/1234 4321\n",
        }

    # -- time

    @property
    def uptime_ms(self) -> int:
        return max(0, self.now() - self.booted_at)

    async def delay(self) -> None:
        """The latency of one command, and the fault `slow`."""
        least, most = self.profile.latency_ms
        wait_ms = self.chance.randint(least, most) if most else 0
        if self.faults.is_on("slow"):
            wait_ms += self.faults.number("slow", "ms")
        if wait_ms:
            await asyncio.sleep(wait_ms / 1000)

    async def yield_now(self) -> None:
        """Let others run; endless loops on the device call it."""
        await asyncio.sleep(0)

    # -- boot

    def boot(self) -> None:
        """A new boot: another boot id, no process, no `sys.boot_completed` yet."""
        self.boot_id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        self.booted_at = self.now()
        self.is_up = True
        self.props["sys.boot_completed"] = ""
        self.running_apps.clear()
        self.media = Media()
        self.screen.show(LAUNCHER)
        self.screen.is_locked = False
        self.journal.add("boot", boot_id=self.boot_id)

    def finish_boot(self) -> None:
        self.props["sys.boot_completed"] = "1"
        self.props["dev.bootcomplete"] = "1"
        self.journal.add("booted", boot_id=self.boot_id)
        self.start_app(LAUNCHER)

    def reboot(self) -> None:
        """Ask the link to restart this device."""
        for listener in self.on_reboot:
            listener()

    # -- apps

    def start_app(self, package: str, activity: str = "") -> None:
        """Bring an app to the front; it gets a pid."""
        if package not in self.running_apps:
            self.running_apps[package] = self.chance.randint(9000, 30000)
        known = self.packages.get(package)
        self.screen.show(package, activity or (known.activity if known else ""))

    def stop_app(self, package: str) -> None:
        self.running_apps.pop(package, None)
        if self.media.package == package:
            self.media = Media()
        if self.screen.package == package:
            self.start_app(LAUNCHER)

    # -- faults that are models

    def _apply_fault(self, name: str, is_on: bool, params: dict[str, Value]) -> None:
        self.journal.add("fault", name=name, on=is_on, params=dict(params))
        if name == "storage_full":
            self.files.is_full = is_on
        elif name == "low_battery":
            self.battery.fake_level(int(params["level"]) if is_on else None)
        elif name == "overheat":
            self.battery.fake_temperature(int(params["temperature"]) if is_on else None)
        elif name == "duplicate_serial":
            shown = str(params["serial"]) if is_on else self.serial
            self.props["ro.serialno"] = self.props["ro.boot.serialno"] = shown
        elif name == "revoke":
            self.authorized_keys.clear()
            self.needs_key = True
