"""The whole system at work: `python -m bench.fleet [--nodes 4] [--per-node 50] [--short]`, or `--light`.

Nodes with real agents, each with a real adb server and 50 simulated devices behind it; one server on SQLite. A run of
five steps (the playbook of bench/compare.py) over all devices, 10 at once on each node; medians of five runs after
one to warm up. Device runs and steps a second are those of this one machine with everything on it: simulator, adb
servers, agents and server share its cores, so what says more is the CPU time of each of them per step. `server` and
`agents` are the product. Growth is drawn over 1, 2 and 4 nodes.

With `--light` there are no agents, but 100,000 devices: see bench/fleet_light.py.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench import fleet_light
from bench.bed import Bed, in_turn, open_bed
from bench.compare import AT_ONCE, STEPS
from bench.measure import ROUNDS, machine, report


def one_run(bed: Bed, steps: list[dict[str, Any]]) -> dict[str, float]:
    before = bed.cpu()
    ran = bed.run(steps, concurrency=AT_ONCE)
    after, total = bed.cpu(), len(bed.handles) * len(STEPS)
    figures = {
        "wall_s": ran.wall_s,
        "stored_s": ran.stored_s,
        "device_runs_per_s": len(bed.handles) / ran.wall_s,
        "steps_per_s": total / ran.wall_s,
    }
    return figures | {f"{name}_cpu_ms_per_step": (after[name] - before[name]) * 1000 / total for name in after}


def measure(nodes: int, per_node: int, rounds: int) -> dict[str, Any]:
    with open_bed(nodes * per_node, nodes=nodes) as bed:
        steps = bed.steps(*STEPS)
        figures = in_turn({"run": partial(one_run, bed, steps)}, rounds)["run"]
        return {"nodes": nodes, "devices": nodes * per_node, **figures, **bed.memory()}


def sizes_of(nodes: int) -> Sequence[int]:
    """1, 2, 4, ... up to as many."""
    return sorted({nodes, *(2**power for power in range(nodes.bit_length()) if 2**power < nodes)})


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--light", action="store_true", help="protocol-level nodes instead of agents")
    parser.add_argument("--nodes", type=int, help="4; with --light 1,000")
    parser.add_argument("--per-node", type=int, help="devices of a node: 50; with --light 100")
    args = parser.parse_args()
    if args.light:
        return fleet_light.run(args.nodes or (50 if args.short else 1_000), args.per_node or 100, args.short)
    where = machine()
    nodes, per_node = args.nodes or (2 if args.short else 4), args.per_node or (10 if args.short else 50)
    sizes = [nodes] if args.short else sizes_of(nodes)
    report("fleet", [measure(size, per_node, 2 if args.short else ROUNDS) for size in sizes], where=where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
