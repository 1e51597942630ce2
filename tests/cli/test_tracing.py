"""One trace for each run, over the real server and the real agent, in OpenTelemetry's own in-memory exporter."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tools.source import product

from rackhand.agent.fake import FAST
from rackhand.agent.main import run_agent
from rackhand.agent.settings import AgentSettings
from rackhand.cli.traced import traced
from rackhand.cli.tracing import tracer
from rackhand.core import traces
from rackhand.core.traces import untraced
from rackhand.engine import enrolment
from rackhand.engine.access import SYSTEM
from rackhand.server.fake_site import Site
from rackhand.sim.fleet import Fleet

MODULE = "rackhand.cli.tracing"


async def play(site: Site, folder: Path, spans: InMemorySpanExporter) -> str:
    """One run on one simulated device, until both sides have told their spans; the run's id."""
    node = await asyncio.to_thread(
        site.do, lambda lab: lab.db.write(enrolment.enrol, SYSTEM, {"id": "PC-01", "name": None})
    )
    trace, stop = tracer("rackhand-agent", SimpleSpanProcessor(spans)), asyncio.Event()
    async with Fleet(1) as fleet:
        settings = AgentSettings(site.url, "PC-01", node.token, folder, adb_port=fleet.server_port, periods=FAST)
        agent = asyncio.create_task(run_agent(settings, stop, None, trace))
        await until(lambda: asyncio.to_thread(site.do, is_online))
        shell = {"kind": "shell", "params": {"command": "exit 3"}, "on_failure": "continue"}
        playbook = await asyncio.to_thread(site.do, lambda lab: lab.playbook({"kind": "screenshot"}, shell))
        created = await asyncio.to_thread(site.do, lambda lab: lab.run(playbook))
        site.parts.wakeups.wake("PC-01")
        await until(lambda: has(spans, "run", "device run"))
        stop.set()
        await agent
    return str(created.view.id)


async def is_online(lab: Any) -> bool:
    found = await lab.db.read(enrolment.list_nodes)
    return any(node.online_device_count for node in found.items)


async def has(spans: InMemorySpanExporter, *names: str) -> bool:
    return set(names) <= {span.name for span in spans.get_finished_spans()}


async def until(true: Any) -> None:
    for _ in range(1_500):
        if await true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def by_name(found: tuple[ReadableSpan, ...]) -> dict[str, ReadableSpan]:
    assert len({span.name for span in found}) == len(found)
    return {span.name: span for span in found}


def test_server_and_agent_make_one_trace_of_a_run(tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    (tmp_path / "site").mkdir()
    with Site(tmp_path / "site", trace=tracer("rackhand-server", SimpleSpanProcessor(spans))) as site:
        run_id = asyncio.run(play(site, tmp_path / "agent", spans))

    found = by_name(spans.get_finished_spans())
    assert set(found) == {"run", "device run", "step screenshot", "step shell"}
    contexts = {name: span.get_span_context() for name, span in found.items()}
    assert {context.trace_id for context in contexts.values() if context} == {traces.trace_id(run_id)}
    parents = {name: span.parent.span_id if span.parent else None for name, span in found.items()}
    ids = {name: context.span_id if context else None for name, context in contexts.items()}
    assert parents == {
        "run": None,
        "device run": ids["run"],
        "step screenshot": ids["device run"],
        "step shell": ids["device run"],
    }
    services = {name: span.resource.attributes["service.name"] for name, span in found.items()}
    assert services == dict.fromkeys(found, "rackhand-agent") | {"run": "rackhand-server"}
    assert [found[name].status.is_ok for name in ("run", "device run", "step shell")] == [True, True, False]
    assert (found["step shell"].attributes or {})["rackhand.device"] == 1


def test_one_module_imports_it_and_nobody_imports_that_one() -> None:
    found = [source.name for source in product() if any("opentelemetry" in item.module for item in source.imports())]
    users = [source.name for source in product() if any(item.module == MODULE for item in source.imports())]

    assert (found, users) == (["src/rackhand/cli/tracing.py"], [])


def test_off_it_takes_spans_and_does_nothing() -> None:
    with traced("rackhand-server", is_on=False) as trace:
        assert trace is untraced


def test_on_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    with pytest.raises(ValueError, match=r"rackhand\[otel\]"), traced("rackhand-server", is_on=True):
        pass
