"""Log lines of the agent on stderr, as text or JSON. Every line carries `node_id`; those of a device run carry `run_id`
and `device` by themselves, for each runs in tasks of its own.

The standard library alone: structlog, which the server has, would take a fifth of the agent's start (ADR 26).
"""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about")


@contextmanager
def about(**names: object) -> Iterator[None]:
    """Lines from here, and from tasks that are started here, carry these names."""
    token = _ABOUT.set({**_ABOUT.get({}), **names})
    try:
        yield
    finally:
        _ABOUT.reset(token)


class _Lines(logging.Formatter):
    """Collects what a line says: message, names, traceback."""

    def __init__(self, node_id: str) -> None:
        super().__init__()
        self._node_id = node_id

    def names(self, record: logging.LogRecord) -> dict[str, object]:
        return {"node_id": self._node_id, **_ABOUT.get({})}

    def stamp(self, record: logging.LogRecord) -> str:
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{whole}.{int(record.msecs):03d}Z"


class TextLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        names = " ".join(f"{name}={value}" for name, value in self.names(record).items())
        line = f"{self.stamp(record)} [{record.levelname.lower():<8}] {record.getMessage()}  {names}"
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


class JsonLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        line = {"event": record.getMessage(), **self.names(record), "logger": record.name}
        line |= {"level": record.levelname.lower(), "timestamp": self.stamp(record)}
        line |= {"exception": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up_logging(log_format: str, node_id: str) -> None:
    """From INFO on; `log_format` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(node_id) if log_format == "json" else TextLines(node_id))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
