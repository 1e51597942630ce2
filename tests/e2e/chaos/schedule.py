"""Schedules of chaos: which faults strike where and when, and what runs meanwhile. All of it follows from a seed.

Belongs here: the table of faults and the choice among them. Must not: how a fault is done (`strikes`).
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from rackhand.store.db import Dialect

NODES = ("PC-A", "PC-B", "PC-R")
SERIALS: dict[str, tuple[str, ...]] = {
    "PC-A": ("SIM00001", "SIM00002", "SIM00003"),
    "PC-B": ("SIM00004", "SIM00005", "SIM00006"),
    "PC-R": ("SIM00101", "SIM00102"),
}
"""PC-A and PC-B drive simulated adb servers, PC-R a real one."""
SIMULATED = NODES[:2]
REPLICAS: dict[Dialect, int] = {"sqlite": 1, "postgresql": 2}
FIRST_MS, LAST_MS = 150, 2_200
"""When faults begin, after the runs were made."""
LONG_MS = 4_500
"""Longer than a lease and its grace."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """Where a fault strikes, for how long (least, most; 0: at once), and whether it may cost nodes their leases."""

    name: str
    help: str
    where: Literal["node", "simulated", "real", "device", "server", "servers", "run"]
    for_ms: tuple[int, int] = (0, 0)
    costs_leases: bool = False
    only: Dialect | None = None


_KINDS = (
    FaultKind("agent_kill", "kill -9 of an agent, started again", "node", (100, 2_500), True),
    FaultKind("agent_away", "kill -9 of an agent, started again when every run has ended", "node", (0, 0), True),
    FaultKind("agent_end", "an agent is told to end (upgrade), started again", "node", (800, 2_000), True),
    FaultKind("agent_sleep", "an agent is stopped and continued, as by a laptop's lid", "node", (500, LONG_MS), True),
    FaultKind("outbox_tail", "kill -9 of an agent in mid-write: its outbox ends torn", "node", (100, 900), True),
    FaultKind("agent_disk_full", "no file of an agent reaches the disk (ENOSPC)", "node", (300, 2_000), True),
    FaultKind("agent_clock", "the wall clock of a node jumps by an hour", "node", (500, 2_500)),
    FaultKind("adb_kill", "kill -9 of a real adb server", "real"),
    FaultKind("adb_crash", "an adb server is gone, then back", "simulated", (200, 1_500)),
    FaultKind("adb_wedge", "an adb server takes calls and answers none", "simulated", (200, 2_500)),
    FaultKind("black_hole", "nothing passes between a node and the servers; it is lost", "node", (500, LONG_MS), True),
    FaultKind("late_packets", "nothing passes, then what was sent arrives after all", "node", (500, LONG_MS), True),
    FaultKind("latency", "every request of a node takes half a second more, each way", "node", (800, 2_500), True),
    FaultKind("lost_answers", "the servers hear a node, and it hears nothing", "node", (500, LONG_MS), True),
    FaultKind("reset", "every connection of a node is cut in mid-request", "node", (300, 2_000), True),
    FaultKind("shuffle", "callbacks arrive one by one, in another order, many of them twice", "node", (1_500, 3_500)),
    FaultKind("replay", "callbacks of the last seconds arrive again, in another order", "node"),
    FaultKind("mangled_uploads", "a byte of every upload is another one", "node", (800, 2_500)),
    FaultKind("server_kill", "kill -9 of a server, started again", "server", (100, 2_500), True),
    FaultKind("servers_kill", "kill -9 of all servers, started again", "servers", (100, LONG_MS), True),
    FaultKind("server_end", "a server is told to end (upgrade), started again", "server", (800, 2_000), True),
    FaultKind("clock_forward", "the servers' clock jumps an hour ahead, and back at the end", "servers", (500, 2_500)),
    FaultKind("clock_back", "the servers' clock jumps back by an hour, and on at the end", "servers", (500, 2_500)),
    FaultKind("slow_database", "every write takes 300 ms more, in its transaction", "servers", (500, 2_500), True),
    FaultKind("database_full", "every write and upload fails, as on a full disk", "servers", (300, 2_500), True),
    FaultKind("database_kill", "all connections to the database are ended", "servers", only="postgresql"),
    FaultKind("flap", "a device comes and goes", "device", (1_000, 3_000)),
    FaultKind("freeze", "a device neither reads nor answers", "device", (500, 3_000)),
    FaultKind("rst", "the connections of a device are cut", "device"),
    FaultKind("hub_drop", "every device of a node is gone, then back", "simulated", (300, 2_500)),
    FaultKind("reboot_storm", "every device of a node restarts", "simulated"),
    FaultKind("stop", "an operator stops a run", "run"),
)  # fmt: skip
FAULTS = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class Act:
    """A fault that strikes `at_ms` after the runs were made; `target` is a node, a serial, or a number."""

    at_ms: int
    fault: str
    target: str
    for_ms: int

    @property
    def ends_at_ms(self) -> int:
        return self.at_ms + self.for_ms


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a run: the request's fields without the asset, and how often it may act on one device."""

    kind: Literal["shell", "screenshot"]
    script: str = ""
    effect: Literal["once", "repeatable"] = "repeatable"
    fields: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run on some nodes."""

    nodes: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    concurrency: int
    seed: int

    @property
    def serials(self) -> list[str]:
        return [serial for node in self.nodes for serial in SERIALS[node]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens, in the order of time."""

    seed: int
    dialect: Dialect
    acts: tuple[Act, ...]
    runs: tuple[PlannedRun, ...]

    def cut_off(self) -> set[str]:
        """Nodes that may rightly lose leases."""
        cut: set[str] = set()
        for act in self.acts:
            if FAULTS[act.fault].costs_leases:
                cut |= {act.target} if act.target in NODES else set(NODES)
        return cut

    def words(self) -> list[str]:
        """The schedule as people read it."""
        return [f"{a.at_ms:5} ms  {a.fault:15} {a.target:9} {f'{a.for_ms} ms' if a.for_ms else ''}" for a in self.acts]


def make_schedule(seed: int, dialect: Dialect) -> Schedule:
    """The schedule of a seed. Its first fault goes through the table, so that consecutive seeds try all of them."""
    chance = Random(f"chaos {seed}")
    known = [kind for kind in _KINDS if kind.only in (None, dialect)]
    kinds = [known[seed % len(known)], *chance.choices(known, k=chance.randint(1, 3))]
    acts = sorted((_act(kind, chance, dialect) for kind in kinds), key=lambda act: act.at_ms)
    return Schedule(seed, dialect, tuple(acts), tuple(_run(number, chance) for number in range(2)))


def _act(kind: FaultKind, chance: Random, dialect: Dialect) -> Act:
    targets: dict[str, list[str]] = {
        "node": list(NODES),
        "simulated": list(SIMULATED),
        "real": [NODES[2]],
        "device": [serial for node in SIMULATED for serial in SERIALS[node]],
        "server": [str(number) for number in range(REPLICAS[dialect])],
        "servers": ["all"],
        "run": ["0", "1"],
    }
    target = chance.choice(targets[kind.where])
    return Act(chance.randint(FIRST_MS, LAST_MS), kind.name, target, chance.randint(*kind.for_ms))


def _run(number: int, chance: Random) -> PlannedRun:
    """The first run is on every device, the second on those of two nodes."""
    nodes = NODES if number == 0 else tuple(sorted(chance.sample(NODES, 2)))
    steps = tuple(_step(chance) for _ in range(chance.randint(2, 4)))
    return PlannedRun(nodes, steps, chance.choice((1, 2, 3)), chance.randrange(2**53))


def _step(chance: Random) -> PlannedStep:
    pause = f"sleep 0.{chance.randint(1, 6)}"
    retried = ("retry_count", chance.choice((0, 1)))
    goes_on = ("on_failure", "continue")
    match chance.choice(("once", "once", "repeatable", "fails", "dice", "screenshot")):
        case "once":
            return PlannedStep("shell", f"{pause}; echo done", "once", (retried, goes_on))
        case "repeatable":
            return PlannedStep("shell", f"echo begun; {pause}; echo done", "repeatable", (retried,))
        case "fails":
            return PlannedStep("shell", f"{pause}; echo bad; exit 3", "repeatable", (goes_on,))
        case "dice":
            return PlannedStep("shell", f"{pause}; echo lucky", "once", (("probability", 0.5), goes_on))
    return PlannedStep("screenshot", fields=(retried, goes_on))
