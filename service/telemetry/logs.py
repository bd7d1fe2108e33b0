"""Logging, on standard error: lines for people, or JSON, each with the ids of request, job and trace it tells of."""

import json
import logging
import time
from typing import Any

from service.settings import Settings, unknown_settings
from service.telemetry.correlation import current

#: What every record has by itself; whatever else is in one was given with `extra`.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "ids"}
#: Libraries that tell of each of their calls.
_NOISY = ("alembic", "botocore", "boto3", "urllib3", "httpx", "httpcore", "PIL", "opentelemetry")


class _WithIds(logging.Filter):
    """Gives each record the ids of request, job and trace that the code which logs works for."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.ids = current().ids()
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: timestamp, level, logger, message, the ids, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. What JSON does not know is written as its text."""
        line: dict[str, Any] = {
            "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "ids", {}),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception.type"] = type(record.exc_info[1]).__name__
            line["exception.stacktrace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line for people: time, level, the logger's name, the message, and the ids behind it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Return the line without what an exception adds."""
        told = super().formatMessage(record)
        ids = " ".join(f"{name.removesuffix('_id')}={value}" for name, value in getattr(record, "ids", {}).items())
        return f"{told}  [{ids}]" if ids else told


def configure_logs(settings: Settings) -> None:
    """Send every log line to standard error, of the level and in the format that the settings name.

    First come warnings of variables that look like settings and are none.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    handler.addFilter(_WithIds())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    for sentence in unknown_settings():
        logging.getLogger(__name__).warning("%s", sentence)
