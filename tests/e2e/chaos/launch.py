"""`rackhand WORDS` in a process of the lab: the product with seams for faults and, if asked for, one planted bug."""

import os
import sys
from pathlib import Path

from tests.e2e.chaos import plants, seams


def main() -> None:
    is_server = sys.argv[1] == "serve"
    seams.install(Path(os.environ[seams.VARIABLE]), is_server=is_server)
    if name := os.environ.get(plants.VARIABLE):
        plants.PLANTS[name].sow(is_server=is_server)
    from rackhand.cli.main import main as rackhand

    rackhand()


if __name__ == "__main__":
    main()
