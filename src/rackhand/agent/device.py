"""One actor per transport: its own probes and facts, so that a bad device slows nobody else.

What adb says of a device is not believed: online is what a probe of our own proved. Identity is `ro.serialno`.
"""

from dataclasses import dataclass

from rackhand.agent.adb.client import Adb
from rackhand.agent.adb.device import AdbDevice
from rackhand.agent.adb.errors import AdbError
from rackhand.agent.adb.protocol import DeviceEntry
from rackhand.agent.parse import parse_battery, parse_storage
from rackhand.agent.servertime import monotonic_ms
from rackhand.agent.settings import AgentPeriods
from rackhand.agent.waking import Wake
from rackhand.core.states import DeviceState
from rackhand.wire.messages import ReportedCare, ReportedDevice

MAX_MISSES = 2
_IDENTIFY = "getprop ro.serialno; getprop ro.product.model; getprop ro.build.version.release; " + (
    "getprop ro.rackhand.simulated"
)
_PROBE = "getprop sys.boot_completed; cat /proc/sys/kernel/random/boot_id"
_FACTS = "getprop sys.boot_completed; dumpsys battery; df /data"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is; asked once for each time it comes."""

    serial: str
    model: str = ""
    os_version: str = ""
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What changes slowly."""

    battery: int | None = None
    temperature_c: float | None = None
    storage_free_mb: int | None = None
    storage_total_mb: int | None = None


class DeviceActor:
    """A transport that the adb server lists. `run` probes for ever; `probe` may be called by a step meanwhile."""

    def __init__(self, adb: Adb, entry: DeviceEntry, periods: AgentPeriods, wake: Wake) -> None:
        self.entry = entry
        self.adb: AdbDevice = adb.device(entry.serial)
        self._periods = periods
        self._fleet_wake = wake
        self._wake = Wake()
        self.identity: Identity | None = None
        self.facts = Facts()
        self.boot_id = ""
        self.health = _health_of(entry.state)
        self.misses = 0
        self.good_probes = 0
        self.concluded: DeviceState | None = None
        self.care: ReportedCare | None = None
        self.proved_at: int | None = None
        self.last_error_message = ""
        self._facts_at: int | None = None
        self._probed_at: int | None = None
        self._is_new = True

    @property
    def serial(self) -> str | None:
        return self.identity.serial if self.identity else None

    @property
    def is_online(self) -> bool:
        return self.health is DeviceState.ONLINE and self.identity is not None

    @property
    def is_settled(self) -> bool:
        """Has its first look ended, well or badly?"""
        return self.entry.state != "device" or self._probed_at is not None

    def see(self, entry: DeviceEntry) -> None:
        """What the adb server says now; a changed word wakes the actor."""
        if entry == self.entry:
            return
        if entry.state != self.entry.state:
            self._probed_at = None
            self._is_new = True
            self.misses = self.good_probes = 0
            if entry.state != "device":
                self._set_health(_health_of(entry.state))
        self.entry = entry
        self._wake.notify()

    def leave(self) -> None:
        """The adb server no longer lists it."""
        self.entry = DeviceEntry(self.entry.serial, "absent", self.entry.usb_path)
        self._set_health(DeviceState.ABSENT)
        self._wake.notify()

    async def run(self) -> None:
        """Probe each `probe_ms` unless a step has just done so; after a miss, sooner."""
        while True:
            if self.entry.state != "device":
                await self._wake.wait()
                continue
            wait_ms = self._due_in_ms()
            if wait_ms > 0:
                await self._wake.wait(wait_ms)
                continue
            if await self.probe():
                await self._refresh()

    def _due_in_ms(self) -> int:
        if self._probed_at is None:
            return 0
        period = self._periods.wait_probe_ms if 0 < self.misses < MAX_MISSES else self._periods.probe_ms
        return self._probed_at + period - monotonic_ms()

    async def probe(self, timeout_ms: int | None = None) -> bool:
        """One probe; True if the device answered and is completely booted."""
        try:
            result = await self.adb.shell(_PROBE, timeout_ms=timeout_ms or self._periods.probe_deadline_ms)
            if self._is_new:
                await self._identify()
        except AdbError as error:
            self._miss(error)
            return False
        finally:
            self._probed_at = monotonic_ms()
        words = result.text.split()
        is_booted = words[:1] == ["1"]
        if self.entry.state != "device":
            return False
        self._hit(words[-1] if is_booted else "", is_booted=is_booted)
        return is_booted

    def _hit(self, boot_id: str, *, is_booted: bool) -> None:
        self.misses = 0
        self.good_probes = self.good_probes + 1 if is_booted else 0
        self.last_error_message = ""
        self.proved_at = monotonic_ms()
        self.boot_id = boot_id or self.boot_id
        self._set_health(DeviceState.ONLINE if is_booted else DeviceState.BOOTING)

    def _miss(self, error: AdbError) -> None:
        self.misses += 1
        self.good_probes = 0
        self.last_error_message = str(error)
        is_gone = error.is_transient or self.entry.state != "device"
        if self.entry.state == "device" and (is_gone or self.misses >= MAX_MISSES):
            self._set_health(DeviceState.UNRESPONSIVE)

    def distrust(self, error: Exception) -> None:
        """The agent itself failed on it: what was proved before no longer counts."""
        self.misses = MAX_MISSES
        self.last_error_message = f"the agent failed on this device: {type(error).__name__}: {error}"
        if self.entry.state == "device":
            self._set_health(DeviceState.UNRESPONSIVE)

    async def _identify(self) -> None:
        text = (await self.adb.shell(_IDENTIFY, timeout_ms=self._periods.probe_deadline_ms)).text
        serial, model, release, simulated = [*(line.strip() for line in text.splitlines()), "", "", "", ""][:4]
        if serial:
            self._is_new = False
            self.identity = Identity(serial, model, release, simulated == "1")
        else:
            self.last_error_message = "the device tells no serial (ro.serialno is empty)"

    async def _refresh(self) -> None:
        """Battery, temperature and storage; what cannot be read stays as it was."""
        now = monotonic_ms()
        if self._facts_at is not None and now - self._facts_at < self._periods.facts_ms:
            return
        self._facts_at = now
        try:
            text = (await self.adb.shell(_FACTS, timeout_ms=self._periods.probe_deadline_ms)).text
        except AdbError as error:
            self.last_error_message = str(error)
            return
        battery, storage = parse_battery(text), parse_storage(text)
        self.facts = Facts(battery.level, battery.temperature_c, storage.free_mb, storage.total_mb)
        self._fleet_wake.notify()

    def _set_health(self, health: DeviceState) -> None:
        if health is not self.health:
            self.health = health
            self._fleet_wake.notify()

    def conclude(self, state: DeviceState, care: ReportedCare) -> None:
        """What the agent makes of it beyond this moment (see medic): flapping or quarantined, and what it does."""
        self.concluded = state if state in (DeviceState.FLAPPING, DeviceState.QUARANTINED) else None
        self.care = care

    def report(self) -> ReportedDevice:
        """How a heartbeat tells of it."""
        identity, facts, state = self.identity, self.facts, self.concluded or self.health
        age = None if self.proved_at is None else monotonic_ms() - self.proved_at
        return ReportedDevice(
            runtime_handle=self.entry.serial,
            adb_state=self.entry.state,
            online=self.is_online,
            serial=identity.serial if identity else None,
            transport="tcp" if self.entry.is_tcp else "usb",
            usb_path=self.entry.usb_path or None,
            probe_age_ms=age,
            health="ok" if state is DeviceState.ONLINE else state.value,
            simulated=identity.is_simulated if identity else False,
            model=(identity.model or None) if identity else None,
            os_version=(identity.os_version or None) if identity else None,
            battery=facts.battery,
            temperature_c=facts.temperature_c,
            storage_free_mb=facts.storage_free_mb,
            storage_total_mb=facts.storage_total_mb,
            last_error_message=self.last_error_message or None,
            care=self.care,
        )


def _health_of(adb_state: str) -> DeviceState:
    """adb's word before any probe; `device` is not believed yet."""
    if adb_state in ("unauthorized", "authorizing"):
        return DeviceState.UNAUTHORIZED
    return DeviceState.BOOTING if adb_state == "device" else DeviceState.OFFLINE
