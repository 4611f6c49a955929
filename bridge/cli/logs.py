"""Logging: one line for each stage of an event, JSON for machines or plain for a terminal.

Lines hold ids, names, reasons and sizes. Message texts, phone numbers, keys and secrets are never given to the log.
"""

import logging
import sys

import structlog

from bridge.settings import LogSettings


def configure_logging(settings: LogSettings) -> None:
    """Send our log lines, and those of the libraries, to stderr."""
    json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_no_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _forget_exception],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    logging.getLogger("asyncio").setLevel(logging.ERROR)


def _forget_exception(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A library's traceback may quote a request; its type is enough to look further."""
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and info[0] is not None:
        event["problem"] = info[0].__name__
    return event


def _no_traceback(_sio: object, _exc_info: object) -> None:
    """Tracebacks are not printed: they may hold what must not be logged."""
