"""The witness: hears what was committed, and says it as log lines, metrics and spans. It changes nothing.

Every line about a run carries `run_id`, every line about a device run `node_id` and `device` as well.
"""

from collections.abc import Callable
from typing import Any

import structlog

from rackhand.core import traces
from rackhand.core.states import DEVICE_RUN, RUN, RunStatus
from rackhand.core.traces import Tracer
from rackhand.engine.facts import DeviceRunMoved, GapForgiven, GroupApplied, NodeMoved, RunMoved, known
from rackhand.server.metrics import Metrics
from rackhand.store.db import Committed

_log = structlog.get_logger("rackhand.runs")


class Witness:
    """`hear` is a `store.db.Listener`."""

    def __init__(self, metrics: Metrics, trace: Tracer) -> None:
        self._metrics, self._trace = metrics, trace
        self._on: dict[type, Callable[[Any], None]] = {
            RunMoved: self._run,
            DeviceRunMoved: self._device_run,
            GroupApplied: self._group,
            NodeMoved: self._node,
            GapForgiven: self._gap,
        }

    def hear(self, committed: Committed) -> None:
        self._metrics.writes.observe(committed.seconds)
        for fact in known(committed.facts):
            self._on[type(fact)](fact)

    def _run(self, fact: RunMoved) -> None:
        _log.info(f"run {fact.status}", run_id=fact.run_id, title=fact.title, devices=fact.counts["total"])
        if not RUN.is_final(fact.status) or fact.finished_at is None:
            return
        self._metrics.ended_runs.labels(fact.status.value).inc()
        error = "" if fact.status is RunStatus.SUCCEEDED else f"the run is {fact.status}"
        times = (fact.created_at, fact.finished_at)
        self._trace(traces.run_span(fact.run_id, fact.title, fact.status.value, times, fact.counts, error))

    def _device_run(self, fact: DeviceRunMoved) -> None:
        about = {"run_id": fact.run_id, "node_id": fact.node_id, "device": fact.device}
        more = {"reason": fact.reason} if fact.reason else {}
        _log.info(f"device run {fact.status}", **about, **more)
        if not DEVICE_RUN.is_final(fact.status):
            return
        self._metrics.ended_device_runs.labels(fact.status.value).inc()
        if fact.by_server:
            where = (fact.run_id, fact.device, fact.node_id)
            self._trace(traces.closed_span(*where, fact.status.value, fact.at, fact.reason or ""))

    def _group(self, fact: GroupApplied) -> None:
        self._metrics.groups.observe(fact.events)

    def _node(self, fact: NodeMoved) -> None:
        if fact.is_online:
            _log.info("node reports", node_id=fact.node_id)
        else:
            _log.warning("node is silent", node_id=fact.node_id)

    def _gap(self, fact: GapForgiven) -> None:
        self._metrics.gaps.inc()
        _log.warning("the servers were away or the clock jumped: every deadline was moved by the gap", ms=fact.gap_ms)
