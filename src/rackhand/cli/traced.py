"""Whether spans are exported: `RACKHAND_TRACES`, off by default; then nothing of OpenTelemetry is imported."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from rackhand.core.traces import Tracer, untraced


@contextmanager
def traced(service: str, *, is_on: bool) -> Iterator[Tracer]:
    """The tracer of this process; ValueError if it is wanted and the extra is not installed."""
    if not is_on:
        yield untraced
        return
    try:
        module = importlib.import_module("rackhand.cli.tracing")
    except ImportError as error:
        raise ValueError(
            f"RACKHAND_TRACES is on, but OpenTelemetry is not installed ({error}); nothing was started: "
            "pip install 'rackhand[otel]', or switch it off"
        ) from error
    with module.exporting(service) as trace:
        yield cast(Tracer, trace)
