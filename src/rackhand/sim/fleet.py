"""A fleet of simulated devices on one front: start, steer, stop. The entry point for tests, demo and `rackhand sim`.

Belongs here: putting devices, fronts and scenario together. Must not: behaviour of a device.

In short:

    async with Fleet(3) as fleet:                        # front "server": a simulated adb server, no binary
        fleet.server_port                                # speak the adb server protocol here (127.0.0.1)
        fleet.devices[0].serial                          # "SIM00001"; on this front also the adb serial
        fleet.handle(1)                                  # adb serial (runtime handle) of device 1
        fleet.fault(1, "mute"); fleet.clear(1, "mute")   # table: rackhand.sim.faults.FAULTS
        fleet.device(2).journal.commands()               # what device 2 was told to run
        await fleet.device(2).journal.wait_for("command", text="echo hi")
    async with Fleet(3, front="transport") as fleet:     # for a real adb server
        fleet.endpoints                                  # ["127.0.0.1:41231", ...] to `adb connect`
    Fleet(20, nodes=2)                                   # two simulated servers: server_ports[0], server_ports[1]

Devices are numbered from 1. With several nodes, `groups[n]` are the devices of node n. `start` opens everything;
`stop` ends every process, timer and connection. `profile=LIVELY` (device.py) gives the demo's latencies.

Scenario: `Fleet(20, scenario=load_scenario("default", 20))`. Everything is online at first, so that agents can learn
the serials. When every device is registered, call `apply_scenario_start()`: from then on one device is offline, and
another goes mute at its second command that is no probe. Wait until the node has reported the first one offline,
then create the run.
"""

from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from rackhand.sim.adb_server import AdbServer
from rackhand.sim.adb_transport import TransportLink
from rackhand.sim.device import Profile, SimDevice, wall_clock
from rackhand.sim.director import Director
from rackhand.sim.faults import Value
from rackhand.sim.journal import JournalFile
from rackhand.sim.link import LinkController
from rackhand.sim.scenario import NONE, Scenario

Front = Literal["server", "transport"]


class Fleet:
    """N simulated devices. `base_port` (front transport) gives consecutive ports from there; 0 takes free ones."""

    def __init__(
        self,
        count: int,
        *,
        front: Front = "server",
        nodes: int = 1,
        seed: int = 1,
        profile: Profile | None = None,
        server_port: int = 0,
        base_port: int = 0,
        first_index: int = 1,
        journal_path: Path | None = None,
        needs_key: bool = False,
        scenario: Scenario = NONE,
    ) -> None:
        self.front = front
        self._journal = JournalFile(journal_path) if journal_path is not None else None
        self.devices = [
            SimDevice(
                index=index,
                seed=seed,
                profile=profile or Profile(),
                now=wall_clock,
                journal_file=self._journal,
                needs_key=needs_key,
            )
            for index in range(first_index, first_index + count)
        ]
        size = -(-count // nodes) if count else 0
        self.groups = [self.devices[node * size : (node + 1) * size] for node in range(nodes)]
        self.servers: list[AdbServer] = []
        self._links: dict[str, TransportLink] = {}
        self._controllers: list[LinkController] = []
        self.director = Director(scenario, self.devices)
        self._prepare(server_port, base_port)

    def _prepare(self, server_port: int, base_port: int) -> None:
        if self.front == "server":
            for node, group in enumerate(self.groups):
                server = AdbServer(group, server_port + node if server_port else 0)
                self.servers.append(server)
                self._controllers += [LinkController(d, server.links[d.serial]) for d in group]
            return
        for offset, device in enumerate(self.devices):
            link = TransportLink(device, base_port + offset if base_port else 0)
            self._links[device.serial] = link
            self._controllers.append(LinkController(device, link))

    # -- life

    async def start(self) -> None:
        """Open every endpoint; OSError if a wanted port is taken (nothing stays open then)."""
        try:
            for controller in self._controllers:
                await controller.settle()
            self.director.prepare()
            for server in self.servers:
                await server.start()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything that this fleet started."""
        self.director.stop()
        for server in self.servers:
            await server.stop()
        for controller in self._controllers:
            await controller.stop()
        if self._journal is not None:
            self._journal.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- addresses

    @property
    def server_ports(self) -> list[int]:
        """The port of each node's simulated adb server."""
        return [server.port for server in self.servers]

    @property
    def server_port(self) -> int:
        return self.server_ports[0]

    @property
    def endpoints(self) -> list[str]:
        """`127.0.0.1:PORT` of every device (front transport)."""
        return [self._links[device.serial].endpoint for device in self.devices]

    def endpoints_of(self, node: int) -> list[str]:
        """The endpoints of one node's devices (front transport)."""
        return [self._links[device.serial].endpoint for device in self.groups[node]]

    def device(self, which: int | str) -> SimDevice:
        """A device by its number (from 1) or serial; KeyError if there is none."""
        for device in self.devices:
            if which in (device.index, device.serial):
                return device
        raise KeyError(f"no simulated device {which!r}")

    def handle(self, which: int | str) -> str:
        """The adb serial by which a node addresses a device."""
        serial = self.device(which).serial
        return serial if self.front == "server" else self._links[serial].endpoint

    # -- faults

    def apply_scenario_start(self) -> None:
        """The run is about to begin: offline devices go, rules on commands and time are armed. Only once."""
        self.director.start()

    def fault(self, which: int | str, name: str, **params: Value) -> None:
        """Switch a fault on, live."""
        self.device(which).faults.set(name, **params)

    def clear(self, which: int | str, name: str | None = None) -> None:
        """Switch one fault off, or all of a device."""
        self.device(which).faults.clear(name)

    def hub_of(self, which: int | str) -> list[SimDevice]:
        """The devices on the same hub (front server: by USB path; front transport: sevens in order)."""
        index = self.devices.index(self.device(which))
        for group in self.groups:
            if self.devices[index] in group:
                start = group.index(self.devices[index]) // 7 * 7
                return group[start : start + 7]
        return []

    def drop_hub(self, which: int | str, ms: int = 60_000) -> None:
        """All devices of one hub vanish at once."""
        for device in self.hub_of(which):
            device.faults.set("vanish", ms=ms)
