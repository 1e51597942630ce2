"""Stories of nodes as operators handle them, with work in flight."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from rackhand.core.errors import Conflict, Invalid, NotFound
from rackhand.engine import enrolment
from rackhand.engine.access import SYSTEM
from rackhand.engine.fake import Lab
from rackhand.store import access, inventory
from rackhand.store.tables import audit_log, nodes


def test_only_the_hash_of_a_token_is_kept_and_every_step_is_audited(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        made = await lab.db.write(enrolment.enrol, SYSTEM, {"id": "PC-01", "name": None})
        stored = await lab.db.read(lambda tx: tx.conn.execute(select(nodes.c.token_hash)).scalar_one())
        assert stored == enrolment.hash_token(made.token) != made.token
        assert await lab.db.read(access.find_node_by_token, stored) == "PC-01"
        rotated = await lab.db.write(enrolment.rotate, SYSTEM, "PC-01")
        assert rotated.token != made.token
        assert await lab.db.read(access.find_node_by_token, stored) is None
        await lab.db.write(enrolment.drain, SYSTEM, "PC-01", {"drain": True})
        await lab.db.write(enrolment.remove, SYSTEM, "PC-01")
        rows = await lab.db.read(lambda tx: tx.conn.execute(select(audit_log).order_by(audit_log.c.id)).all())
        assert {row.action for row in rows} == {"node.enrol", "node.rotate", "node.drain", "node.delete"}
        assert not any(made.token in str(row.detail) for row in rows)

    in_lab(story)


def test_a_refused_enrolment_takes_no_rev(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        await lab.db.write(enrolment.enrol, SYSTEM, {"id": "PC-01", "name": None})
        before = await lab.db.read(inventory.load_fleet)
        with pytest.raises(Conflict, match="PC-01"):
            await lab.db.write(enrolment.enrol, SYSTEM, {"id": "PC-01", "name": None})
        with pytest.raises(Invalid, match="routes"):
            await lab.db.write(enrolment.enrol, SYSTEM, {"id": "STATUS", "name": None})
        with pytest.raises(NotFound, match="PC-02"):
            await lab.db.write(enrolment.rotate, SYSTEM, "PC-02")
        assert await lab.db.read(inventory.load_fleet) == before

    in_lab(story)


def test_deleting_a_node_ends_its_part_of_a_run(in_lab: Callable[..., None]) -> None:
    """Its started device is lost, its queued one skipped; the other node goes on."""

    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        await lab.node("PC-02", 1, first=3)
        run = await lab.run(await lab.playbook())
        (job,) = (await lab.pull("PC-01")).jobs
        await lab.report(lab.started("PC-01", job))
        await lab.db.write(enrolment.remove, SYSTEM, "PC-01")
        counts = (await lab.view(run.view.id)).counts
        assert (counts["lost"], counts["skipped_offline"], counts["queued"]) == (1, 1, 1)
        (other,) = (await lab.pull("PC-02")).jobs
        await lab.execute("PC-02", other)
        assert (await lab.view(run.view.id)).run.status == "partial"
        left = await lab.db.read(inventory.candidates, lab.clock.at, 30)
        assert [(c.node_id, c.is_online) for c in left] == [(None, False), (None, False), ("PC-02", True)]

    in_lab(story)


def test_a_draining_node_ends_what_it_has_and_claims_nothing_new(in_lab: Callable[..., None]) -> None:
    async def story(lab: Lab) -> None:
        await lab.node("PC-01", 2)
        await lab.run(await lab.playbook())
        (job,) = (await lab.pull("PC-01")).jobs
        await lab.db.write(enrolment.drain, SYSTEM, "PC-01", {"drain": True})
        await lab.execute("PC-01", job)
        assert (await lab.pull("PC-01")).jobs == []
        await lab.db.write(enrolment.drain, SYSTEM, "PC-01", {"drain": False})
        assert len((await lab.pull("PC-01")).jobs) == 1

    in_lab(story)
