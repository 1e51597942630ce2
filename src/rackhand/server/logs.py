"""Log lines of the server: what every line carries, and how they look. Which lines there are is the others' matter.

A line about a run carries `run_id`, one about a node `node_id`, one about a device `device` (its index); the lines of a
request carry them if its path or its credential names one.
"""

import contextlib
import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

import structlog

_NAMES = ("run_id", "node_id", "device")
_IN_PATH = {"run_id": "run_id", "node_id": "node_id", "index": "device"}


def bind(**about: object) -> None:
    """The further lines of this request carry these; None is left out."""
    structlog.contextvars.bind_contextvars(**{name: value for name, value in about.items() if value is not None})


def bind_path(params: Mapping[str, Any]) -> None:
    """What the parameters of a path name."""
    bind(**{name: params[param] for param, name in _IN_PATH.items() if param in params})


def unbind() -> None:
    """The request is over."""
    structlog.contextvars.unbind_contextvars(*_NAMES)


def set_up_logging(log_format: str) -> None:
    """Lines on stderr, as `text` or `json`; what libraries log from WARNING on joins them."""
    is_json = log_format == "json"
    renderer = (
        structlog.processors.JSONRenderer()
        if is_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # not the values of variables: some are secrets
        )
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shared += [structlog.processors.format_exc_info] if is_json else []
    console = cast(TextIO, Console())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(console),
    )
    handler = logging.StreamHandler(console)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class Console:
    """Today's stderr, whichever it is; a console that was closed or a pipe that broke stops no work, only the lines."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
