"""How each fault of the schedule is done to a lab, and how it ends. The table of faults is in `schedule`."""

import signal
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.e2e.chaos.lab import Lab, kill
from tests.e2e.chaos.schedule import SERIALS, SIMULATED, Act

from rackhand.cli.fake_process import children_of
from rackhand.core.errors import RackhandError

HOUR_MS = 3_600_000
LINE_FAULTS = {"black_hole", "late_packets", "latency", "lost_answers", "reset", "shuffle", "mangled_uploads"}
SEAMS = {
    "agent_disk_full": ("full", 1),
    "agent_clock": ("clock", HOUR_MS),
    "clock_forward": ("clock", HOUR_MS),
    "clock_back": ("clock", -HOUR_MS),
    "slow_database": ("slow", 300),
    "database_full": ("full", 1),
}
DEVICE_FAULTS: dict[str, dict[str, int]] = {"flap": {"period_ms": 300}, "freeze": {}, "rst": {}}


class Strikes:
    """The acts of one schedule, done to a lab. `away` are agents that stay away until the runs have ended."""

    def __init__(self, lab: Lab, seed: int, run_ids: list[str]) -> None:
        self._lab = lab
        self._chance = Random(f"strikes {seed}")
        self._run_ids = run_ids
        self.away: set[str] = set()

    def begin(self, act: Act) -> None:
        if act.fault in LINE_FAULTS:
            self._lab.proxies.lines[act.target].faults.add(act.fault)
        elif act.fault in SEAMS:
            self._lab.seam(_place(act.target), *SEAMS[act.fault])
        elif act.fault in DEVICE_FAULTS:
            self._lab.sim_of(act.target).fault(act.target, act.fault, **DEVICE_FAULTS[act.fault])
        else:
            getattr(self, act.fault)(act)

    def end(self, act: Act) -> None:
        """Most faults end as they began; kills end by a start."""
        lab = self._lab
        if act.fault in LINE_FAULTS:
            lab.proxies.lines[act.target].faults.discard(act.fault)
        elif act.fault in SEAMS:
            lab.seam(_place(act.target), SEAMS[act.fault][0], None)
        elif act.fault in ("flap", "freeze"):
            lab.sim_of(act.target).clear(act.target)
        elif act.fault in ("agent_kill", "agent_end", "outbox_tail"):
            if act.target not in self.away:
                lab.start_agent(act.target)
        elif act.fault == "agent_sleep":
            with suppress(OSError):
                lab.agents[act.target].send(signal.SIGCONT)
        elif act.fault in ("adb_crash", "adb_wedge"):
            lab.server_fault(SIMULATED.index(act.target), act.fault.removeprefix("adb_"), is_on=False)
        elif act.fault in ("server_kill", "servers_kill", "server_end"):
            self._each_server(act, lab.start_server)

    # -- agents

    def agent_kill(self, act: Act) -> None:
        self._lab.agents[act.target].kill()

    def agent_away(self, act: Act) -> None:
        self.away.add(act.target)
        self._lab.agents[act.target].kill()

    def agent_end(self, act: Act) -> None:
        with suppress(OSError):
            self._lab.agents[act.target].send(signal.SIGTERM)

    def agent_sleep(self, act: Act) -> None:
        with suppress(OSError):
            self._lab.agents[act.target].send(signal.SIGSTOP)

    def outbox_tail(self, act: Act) -> None:
        """What a crash in mid-write leaves: a piece of a record, with or without what the disk held there before."""
        self._lab.agents[act.target].kill()
        journal = self._lab.journal_of(act.target)
        content = journal.read_bytes() if journal.exists() else b""
        last = content.rstrip(b"\n").rpartition(b"\n")[2]
        torn = last[: self._chance.randint(1, max(1, len(last) - 1))]
        with journal.open("ab") as file:
            file.write(torn + self._chance.choice((b"", b"\0" * 100, b"\n")))

    # -- adb servers and devices

    def adb_kill(self, act: Act) -> None:
        for pid in children_of(self._lab.agents[act.target].pid):
            kill(pid)

    def adb_crash(self, act: Act) -> None:
        self._lab.server_fault(SIMULATED.index(act.target), "crash", is_on=True)

    def adb_wedge(self, act: Act) -> None:
        self._lab.server_fault(SIMULATED.index(act.target), "wedge", is_on=True)

    def hub_drop(self, act: Act) -> None:
        for serial in SERIALS[act.target]:
            self._lab.sims[0].fault(serial, "vanish", ms=act.for_ms)

    def reboot_storm(self, act: Act) -> None:
        for serial in SERIALS[act.target]:
            self._lab.sims[0].fault(serial, "reboot", down_ms=300, boot_ms=300)

    # -- servers, their database, their operators

    def _each_server(self, act: Act, do: Callable[[int], None]) -> None:
        for number in range(len(self._lab.servers)) if act.target == "all" else [int(act.target)]:
            do(number)

    def server_kill(self, act: Act) -> None:
        self._each_server(act, lambda number: self._lab.servers[number].kill())

    servers_kill = server_kill

    def server_end(self, act: Act) -> None:
        with suppress(OSError):
            self._lab.servers[int(act.target)].send(signal.SIGTERM)

    def database_kill(self, act: Act) -> None:
        self._lab.audit.kill_connections()

    def replay(self, act: Act) -> None:
        self._lab.proxies.replay(act.target)

    def stop(self, act: Act) -> None:
        """An operator whose request gets no answer does not try again."""
        with suppress(RackhandError):
            self._lab.api.post(f"/api/runs/{self._run_ids[int(act.target)]}/stop")


def _place(target: str) -> str:
    return "servers" if target == "all" else target
