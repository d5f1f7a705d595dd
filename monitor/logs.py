"""One event per line: JSON for machines, text for people. No secret ever gets here."""

import json
import logging
import sys
from datetime import UTC, datetime

PINNED = {
    "aiohttp": logging.INFO,
    "aiosqlite": logging.INFO,
    "alembic": logging.WARNING,
    "asyncio": logging.INFO,
    "sqlalchemy": logging.WARNING,  # every statement, at INFO
}
"""Libraries whose lines drown ours, or hold addresses with keys in them: never below this."""

OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """``{"at": …, "level": …, "logger": …, "message": …, …extra}``."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {k: v for k, v in vars(record).items() if k not in OWN}
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """``03:10:00 WARNING monitor.judge: …`` in the machine's local time; control characters out."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.exc_info:
            return text  # a traceback has lines of its own
        return "".join(c if c.isprintable() else " " for c in text)


def set_up(form: str, level: str) -> None:
    """Log to standard error. ``form`` is json or text."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in PINNED.items():
        logging.getLogger(name).setLevel(max(least, root.level))
