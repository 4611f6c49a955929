"""Logging: one line for each stage of an event, JSON for machines or plain for a terminal.

Lines hold ids, names, reasons and sizes. Message texts, phone numbers, keys and secrets are never given to the log.

Our own lines do not pass through the standard library, whose records cost more than the work that they speak of.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping

import orjson
import structlog

from bridge.settings import LogSettings

Printer = Callable[[bytes], None]
"""Takes whole lines, each with its end."""

_LEVELS = {"warn": "warning", "exception": "error"}
"""The levels of the methods that are not called as their level is."""

_PASS_BY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""A dataclass is shown by its own repr, which knows what not to show."""


def configure_logging(settings: LogSettings, printer: Printer | None = None) -> None:
    """Send our log lines, and those of the libraries, to stderr, or to `printer`."""
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    render = _json if as_json else _Console(colors=sys.stderr.isatty())
    lines = _Lines(printer or _print)
    line = _Line(render)
    structlog.configure(
        processors=[line],
        logger_factory=lambda *_names: lines,
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_OfLibraries(lines, line)]
    root.setLevel(settings.level.upper())
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts all that happens in a folder


class _Line:
    """Makes a line of an event and its fields, in one step where structlog has four: there are many lines."""

    def __init__(self, render: Callable[[object, str, structlog.typing.EventDict], bytes]) -> None:
        self._render = render
        self._second = 0
        self._second_text = ""

    def __call__(self, logger: object, method: str, event: structlog.typing.EventDict) -> bytes:
        event["level"] = _LEVELS.get(method, method)
        event["timestamp"] = self._now()
        if "exc_info" in event:
            _forget_exception(event)
        return self._render(logger, method, event)

    def _now(self) -> str:
        """RFC 3339 in UTC, with microseconds; most lines share their second with the one before."""
        second, microsecond = divmod(time.time_ns() // 1000, 1_000_000)
        if second != self._second:
            self._second, self._second_text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{microsecond:06d}Z"


class _Lines:
    """Lines on their way out: those of one turn of the event loop leave together, at its end.

    A warning or worse leaves at once, with all before it, since it may be the last that the process says. Lines that
    the log could not take are counted, and the next one that it takes is preceded by their number.
    """

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._waiting: list[bytes] = []
        self._flushes: asyncio.AbstractEventLoop | None = None
        """The event loop that is to print what waits."""
        self._lost = 0

    def at_leisure(self, line: bytes) -> None:
        """Print a line by the end of this turn of the event loop; at once when there is none."""
        self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if loop is not self._flushes:
            self._flushes = loop
            loop.call_soon(self.flush)

    def at_once(self, line: bytes) -> None:
        """Print a line now."""
        self._waiting.append(line)
        self.flush()

    debug = info = at_leisure
    warning = warn = error = err = critical = fatal = failure = exception = msg = log = at_once

    def flush(self) -> None:
        """Print what waits. A log that takes nothing must not stop what it tells of."""
        lines, self._waiting, self._flushes = self._waiting, [], None
        if not lines:
            return
        if self._lost:
            lines.insert(0, _json(None, "warning", {"event": "log.lost", "lines": self._lost, "level": "warning"}))
        try:
            self._printer(b"".join(lines))
        except (OSError, ValueError):  # a full disk, a reader that is gone, a closed stream
            self._lost += len(lines) - (self._lost > 0)
        else:
            self._lost = 0


def _print(lines: bytes) -> None:
    sys.stderr.flush()
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


class _OfLibraries(logging.Handler):
    """Writes the records of libraries in the form of our own lines."""

    def __init__(self, lines: _Lines, line: _Line) -> None:
        super().__init__()
        self._lines = lines
        self._line = line

    def flush(self) -> None:
        """Print what waits; called at the end of the process."""
        self._lines.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        try:
            event = {"event": record.getMessage(), "exc_info": record.exc_info}
            line = self._line(None, record.levelname.lower(), event)
        except Exception:  # noqa: BLE001 - a library's broken record is the library's affair; handleError says so
            self.handleError(record)
            return
        (self._lines.at_once if record.levelno >= logging.WARNING else self._lines.at_leisure)(line)


def _json(_logger: object, _method: str, event: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(event, repr, _PASS_BY | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # whole numbers beyond 64 bits, half a surrogate pair
        return json.dumps(event, default=repr, ensure_ascii=False).encode(errors="replace") + b"\n"


class _Console:
    """Lines for people. Tracebacks are not printed: they may hold what must not be logged."""

    def __init__(self, *, colors: bool) -> None:
        self._render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_no_traceback)

    def __call__(self, logger: object, method: str, event: structlog.typing.EventDict) -> bytes:
        return f"{self._render(logger, method, event)}\n".encode(errors="backslashreplace")


def _forget_exception(event: structlog.typing.EventDict) -> None:
    """A traceback may quote a request; the type of the error is enough to look further."""
    info = event.pop("exc_info")
    if info is True:
        info = sys.exc_info()
    error = info[0] if isinstance(info, tuple) else type(info)
    if isinstance(error, type) and issubclass(error, BaseException):
        event["problem"] = error.__name__


def _no_traceback(_sio: object, _exc_info: object) -> None:
    """Nothing of a traceback."""
