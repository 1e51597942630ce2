"""Every benchmark, one after the other, then every promise beside what was measured.

    python -m bench            all of them in full, for hours; writes bench/results, docs/img/bench-*.svg and the
                               figures in bench/README.md
    python -m bench --short    the short set, at most 10 minutes; its figures go to bench/results/short and nowhere else
    python -m bench --report   measures nothing: the table, the charts and the README again
    python -m bench fleet      only these

A script that fails is told of at the end (exit code 1), and the others go on. A promise that is missed is no failure:
figures depend on the machine.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec

from bench import summary
from bench.measure import RESULTS, ROOT


@dataclass(frozen=True, slots=True)
class Script:
    """A module of bench/ and what it is told, in full and in short."""

    name: str
    module: str = ""
    full: tuple[str, ...] = ()
    short: tuple[str, ...] = ("--short",)

    def words(self, *, is_short: bool) -> list[str]:
        return [sys.executable, "-m", f"bench.{self.module or self.name}", *(self.short if is_short else self.full)]


SCRIPTS = (
    Script("ingest"),
    Script("dispatch"),
    Script("status_poll"),
    Script("create_run"),
    Script("replicas"),
    Script("history"),
    Script("agent_overhead"),
    Script("agent_idle"),
    Script("startup"),
    Script("compare"),
    Script("fleet"),
    Script("fleet_light", "fleet", ("--light",), ("--light", "--short")),
    Script("heatmap_browser", short=("1000",)),
    Script("retention", short=("--runs", "4", "--devices", "50")),
)


def run(scripts: list[Script], *, is_short: bool) -> list[str]:
    """The names of those that failed."""
    folder = RESULTS / "short" if is_short else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for script in scripts:
        if find_spec(f"bench.{script.module or script.name}") is None:
            failed.append(script.name)
            continue
        print(f"\n=== {script.name}", flush=True)
        began = time.monotonic()
        settings = {**os.environ, "RACKHAND_BENCH_RESULTS": str(folder)}
        code = subprocess.run(script.words(is_short=is_short), cwd=ROOT, env=settings, check=False).returncode
        print(f"--- {script.name}: {time.monotonic() - began:.0f} s", flush=True)
        if code:
            failed.append(script.name)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(script.name for script in SCRIPTS))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    unknown = set(args.names) - {script.name for script in SCRIPTS}
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    wanted = [script for script in SCRIPTS if not args.names or script.name in args.names]
    failed = [] if args.report else run(wanted, is_short=args.short)
    results = summary.read(RESULTS / "short" if args.short else RESULTS)
    if not args.short:
        summary.write_readme(results)
    print(f"\n{summary.closing_table(results)}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
