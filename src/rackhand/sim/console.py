"""A script on a simulated device without any protocol in between, for tests and for looking around.

Belongs here: `run_script`. Must not: anything a real caller could not do through a shell.
"""

from dataclasses import dataclass

from rackhand.sim.device import SimDevice
from rackhand.sim.process import Process
from rackhand.sim.shell import Shell
from rackhand.sim.streams import Bytes, Reader


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script did."""

    rc: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "surrogateescape")


async def run_script(device: SimDevice, script: str, stdin: bytes = b"") -> Outcome:
    """Run a script in a new shell process and wait for it; its children may live on."""
    stdout, stderr = Bytes(), Bytes()

    async def body(process: Process) -> int:
        return await Shell(device, process, Reader(Bytes(stdin)), stdout, stderr).run_main(script)

    process = device.processes.spawn(f"sh -c {script}", body)
    rc = await process.wait()
    return Outcome(rc, bytes(stdout.data), bytes(stderr.data))
