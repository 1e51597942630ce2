"""What may happen to the fleet of fleet.py while somebody looks at it, and how its things are called.

Belongs here: changes and lookups that several test files need. Must not: what a page shows of them.
"""

from rackhand.engine import playbooks, run_views
from rackhand.engine.fake import Lab, phone
from rackhand.engine.run_views import RunView
from rackhand.server.fake_site import Site

FIRST = 20
"""PC-01 has the devices 1 to 20, and the last two of them are offline."""


def lose(site: Site, *indexes: int) -> None:
    """Nobody but these devices of PC-01 is offline."""

    async def beat(lab: Lab) -> None:
        await lab.beat("PC-01", [phone(f"PC-01-S{i:03d}", online=i not in indexes) for i in range(1, FIRST + 1)])

    site.do(beat)


def run_named(site: Site, title: str) -> RunView:
    """The newest run whose title starts so."""

    async def find(lab: Lab) -> RunView:
        found = await lab.db.read(run_views.list_runs, limit=50, after=None, filters={})
        return next(run for run in found if run.title.startswith(title))

    return site.do(find)


def playbook_named(site: Site, title: str) -> str:
    """The id of the playbook with this title."""

    async def find(lab: Lab) -> str:
        found = await lab.db.read(playbooks.list_playbooks, {"limit": 50, "cursor": None, "q": title})
        return found.items[0].id

    return site.do(find)
