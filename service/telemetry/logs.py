"""Logs on standard error: lines for people, or JSON, each with the ids of its request, job and trace."""

import json
import logging
import time
from typing import Any

from service.settings import Settings, unknown_settings
from service.telemetry.correlation import current

#: Fields of every record. All other fields come from `extra`.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "ids"}
#: Libraries that log each of their calls.
_NOISY = ("alembic", "botocore", "boto3", "urllib3", "httpx", "httpcore", "PIL", "opentelemetry")


class _WithIds(logging.Filter):
    """Adds the ids of the current request, job and trace to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.ids = current().ids()
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: timestamp, level, logger, message, ids, and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Values that JSON lacks are written as text."""
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
    """A line for people: time, level, logger, message and ids."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Return the line without the exception's text."""
        line = super().formatMessage(record)
        ids = " ".join(f"{name.removesuffix('_id')}={value}" for name, value in getattr(record, "ids", {}).items())
        return f"{line}  [{ids}]" if ids else line


def configure_logs(settings: Settings) -> None:
    """Send log lines to standard error, with the level and format of the settings.

    Also warn about environment variables that look like settings but are unknown.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    handler.addFilter(_WithIds())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    for sentence in unknown_settings():
        logging.getLogger(__name__).warning("%s", sentence)
