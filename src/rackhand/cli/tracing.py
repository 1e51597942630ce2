"""OpenTelemetry: turns `core.traces.Span`s into spans of its SDK. Imported only where RACKHAND_TRACES is on.

Where they go is OpenTelemetry's own matter: OTEL_EXPORTER_OTLP_ENDPOINT and the other variables of its specification.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from rackhand import __version__
from rackhand.core.traces import Span, Tracer

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NS = 1_000_000


@contextmanager
def exporting(service: str) -> Iterator[Tracer]:
    """A tracer that exports in the background; what is left is sent at the end."""
    processor = BatchSpanProcessor(OTLPSpanExporter())
    try:
        yield tracer(service, processor)
    finally:
        processor.shutdown()  # type: ignore[no-untyped-call]


def tracer(service: str, processor: SpanProcessor) -> Tracer:
    """Hands every span to `processor` as one of `service`."""
    resource = Resource.create({"service.name": service, "service.version": __version__})

    def take(span: Span) -> None:
        processor.on_end(_readable(span, resource))

    return take


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    parent = None if span.parent_id is None else _context(span.trace_id, span.parent_id, is_remote=True)
    return ReadableSpan(
        span.name,
        _context(span.trace_id, span.span_id),
        parent,
        resource,
        dict(span.attributes),
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
        start_time=span.started_at * _NS,
        end_time=span.ended_at * _NS,
    )


def _context(trace_id: int, span_id: int, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, _SAMPLED)
