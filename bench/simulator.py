"""Simulated devices for measuring, each reachable by adb over TCP: `python -m bench.simulator --devices N`.

Unlike `rackhand sim` every command takes exactly `--latency-ms` (0: as fast as it can be computed). One line of stdout
tells the endpoints of each node's devices, as a JSON list of lists. It ends when its standard input closes.
"""

import argparse
import asyncio
import json
import sys

from rackhand.agent.adb.process import raise_file_limit
from rackhand.sim.device import Profile
from rackhand.sim.fleet import Fleet


async def simulate(devices: int, nodes: int, latency_ms: int) -> None:
    raise_file_limit()
    profile = Profile(latency_ms=(latency_ms, latency_ms))
    async with Fleet(devices, front="transport", nodes=nodes, profile=profile) as fleet:
        print(json.dumps([fleet.endpoints_of(node) for node in range(nodes)]), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, required=True)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--latency-ms", type=int, default=0)
    args = parser.parse_args()
    asyncio.run(simulate(args.devices, args.nodes, args.latency_ms))


if __name__ == "__main__":
    main()
