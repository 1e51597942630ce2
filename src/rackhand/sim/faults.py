"""Everything that can be wrong with a simulated device: one documented table, and the set that is on right now.

Belongs here: names, meaning, parameters, switching. Must not: the effect itself, which lives where it is seen
(transport, server, shell, models). Docs and the scenario validator are driven by `FAULTS`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

Value = int | str | bool


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault: what a caller sees, and its parameters with their defaults. A `pulse` happens once."""

    name: str
    help: str
    params: dict[str, Value] = field(default_factory=dict)
    pulse: bool = False


_KINDS = (
    FaultKind("refuse", "the endpoint refuses connections and live ones are cut; adb server: `offline`"),
    FaultKind("fin", "live connections are closed once (TCP FIN); the device stays reachable", pulse=True),
    FaultKind("rst", "live connections are reset once (TCP RST); the device stays reachable", pulse=True),
    FaultKind("vanish", "gone for `ms`, then back; adb server: absent from the list", {"ms": 60_000}),
    FaultKind("no_cnxn", "TCP is accepted, adbd never says hello; adb server: `offline`"),
    FaultKind("mute", "reads everything, answers nothing; the state stays `device`"),
    FaultKind("freeze", "the whole device is stopped: neither reads nor answers; the state stays `device`"),
    FaultKind("black_hole", "as freeze, and new connections are accepted by the kernel but never served"),
    FaultKind("stall_read", "stops reading its socket; what it was sending goes on"),
    FaultKind("no_open", "streams are never opened (adbd ignores OPEN)"),
    FaultKind("no_output", "streams open, then nothing comes"),
    FaultKind("slow", "every command waits `ms` before it starts", {"ms": 3000}),
    FaultKind("truncate_mid_stream", "a stream ends after `bytes` of output", {"bytes": 100}),
    FaultKind("unauthorized", "the caller's key is unknown; a human would have to accept it"),
    FaultKind("revoke", "accepted keys are forgotten and live connections cut", pulse=True),
    FaultKind("flap", "reachable and unreachable in turn, `period_ms` each", {"period_ms": 2000}),
    FaultKind("reboot", "the device restarts once: `down_ms` gone, `boot_ms` until boot_completed",
              {"down_ms": 2000, "boot_ms": 3000}, pulse=True),
    FaultKind("storage_full", "/data has no free byte: push and install fail with the device's text"),
    FaultKind("low_battery", "the battery shows `level` per cent and discharges", {"level": 4}),
    FaultKind("overheat", "the battery shows `temperature` tenths of a degree; thermal status SEVERE",
              {"temperature": 480}),
    FaultKind("install", "installs fail with `code`", {"code": "INSTALL_FAILED_INSUFFICIENT_STORAGE"}),
    FaultKind("black_screen", "screencap shows a black picture: the screen is off"),
    FaultKind("secure_screen", "screencap shows a black picture: FLAG_SECURE or DRM"),
    FaultKind("multi_display", "screencap warns about several displays before the PNG"),
    FaultKind("garbage_before_png", "screencap prints noise before the PNG"),
    FaultKind("input_refused", "`input` fails with INJECT_EVENTS, as on some vendor systems"),
    FaultKind("duplicate_serial", "ro.serialno shows `serial`, like badly made phones", {"serial": "0123456789ABCDEF"}),
)  # fmt: skip

FAULTS: dict[str, FaultKind] = {kind.name: kind for kind in _KINDS}
SILENT = ("mute", "freeze", "black_hole")
UNREACHABLE = ("refuse", "vanish")


class UnknownFault(ValueError):
    """A fault or parameter that the table does not have; nothing was changed."""


def check_fault(name: str, params: dict[str, Value]) -> dict[str, Value]:
    """Parameters of a fault with defaults filled in; UnknownFault says which name or type is wrong."""
    kind = FAULTS.get(name)
    if kind is None:
        raise UnknownFault(f"unknown fault {name!r}; known: {', '.join(FAULTS)}")
    for key, value in params.items():
        if key not in kind.params:
            raise UnknownFault(f"fault {name!r} has no parameter {key!r}; it has: {', '.join(kind.params) or 'none'}")
        if type(value) is not type(kind.params[key]):
            raise UnknownFault(f"fault {name!r}: {key} must be {type(kind.params[key]).__name__}, not {value!r}")
        if isinstance(value, int) and value < 0:
            raise UnknownFault(f"fault {name!r}: {key} must not be negative, not {value}")
    return {**kind.params, **params}


class FaultSet:
    """The faults of one device that are on now. `on_change(name, is_on, params)` is called for every switch."""

    def __init__(self) -> None:
        self._active: dict[str, dict[str, Value]] = {}
        self._listeners: list[Callable[[str, bool, dict[str, Value]], None]] = []
        self._waiters: set[asyncio.Future[None]] = set()

    def on_change(self, listener: Callable[[str, bool, dict[str, Value]], None]) -> None:
        self._listeners.append(listener)

    def set(self, name: str, **params: Value) -> None:
        """Switch a fault on (again: with new parameters). A pulse happens and does not stay."""
        checked = check_fault(name, params)
        if not FAULTS[name].pulse:
            self._active[name] = checked
        self._tell(name, True, checked)

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all of them; one that is not on is no error."""
        for each in [name] if name is not None else list(self._active):
            params = self._active.pop(each, None)
            if params is not None:
                self._tell(each, False, params)

    def _tell(self, name: str, is_on: bool, params: dict[str, Value]) -> None:
        for listener in self._listeners:
            listener(name, is_on, params)
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def is_on(self, *names: str) -> bool:
        """Whether any of these is on."""
        return any(name in self._active for name in names)

    def number(self, name: str, param: str) -> int:
        """A numeric parameter of an active fault, else of its default."""
        return int(self._active.get(name, FAULTS[name].params)[param])

    def text(self, name: str, param: str) -> str:
        """A text parameter of an active fault, else of its default."""
        return str(self._active.get(name, FAULTS[name].params)[param])

    def active(self) -> dict[str, dict[str, Value]]:
        """What is on, with parameters."""
        return {name: dict(params) for name, params in self._active.items()}

    async def until_off(self, *names: str) -> None:
        """Return once none of these is on (at once if so already)."""
        while self.is_on(*names):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
