"""Runs a script of frontend/package.json with the node that builds the front end: `python -m tools.scripts types`."""

import sys

from tools.frontend import FrontendError, require_node


def main() -> int:
    """Returns the exit code."""
    try:
        node = require_node()
        node.run(*node.npm, "run", "--silent", *sys.argv[1:])
    except FrontendError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
