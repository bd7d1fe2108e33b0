"""Logs on standard error: lines for people, or JSON, each with the ids of its request, job and trace.

And explanations of exceptions in place of a traceback: the problem, its subject, and the remedy.
"""

import errno
import json
import logging
import time
import traceback
from typing import Any

from pipeline.core.errors import PipelineError
from service.settings import Settings, unknown_settings
from service.telemetry.correlation import current

#: Fields of every record. All other fields come from `extra`.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "ids"}
#: Libraries that log each of their calls.
_NOISY = ("alembic", "botocore", "boto3", "urllib3", "httpx", "httpcore", "PIL", "opentelemetry")
_OURS = ("service", "models", "pipeline", "backdrop_client")
#: By the library that raises: the part that it connects to, and the remedy.
_PARTS = {
    "sqlalchemy": ("The database", "Check BACKDROP_DATABASE_URL, and that the database runs and has free space."),
    "redis": ("The queue server", "Check BACKDROP_QUEUE_URL, and that the server runs."),
    "botocore": ("The object store", "Check BACKDROP_S3_ENDPOINT_URL, the buckets' names and the AWS settings."),
}
_REMEDIES = {
    errno.ENOSPC: " Free some space, or choose another place.",
    errno.EACCES: " Choose another place, or give this user access to it.",
    errno.EROFS: " Choose another place, because this one is read-only.",
}


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


def explained(error: Exception) -> str | None:
    """Return an error as a sentence for the operator, or None if no setting explains it."""
    library = type(error).__module__.partition(".")[0]
    if isinstance(error, PipelineError):
        return f"{error} ({error.code})"
    if library in _OURS or (isinstance(error, ValueError | RuntimeError | OSError) and _raised_by_us(error)):
        return str(error)
    if library in _PARTS:
        part, remedy = _PARTS[library]
        # Only the first line: SQLAlchemy adds the statement with its values, and a link.
        said = str(getattr(error, "orig", None) or error.args[0] if error.args else error).strip().splitlines()[0]
        return f"{part}: {said.rstrip('.')}. {remedy}"
    if isinstance(error, ImportError):
        return f"{error}. This needs packages that are not installed: pip install 'backdrop[networks,cpu]'."
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}.{_REMEDIES.get(error.errno or 0, '')}"
    return None


def _raised_by_us(error: Exception) -> bool:
    """Return whether Backdrop's own code raised the error with a sentence in it, and not a library."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames or not error.args or not isinstance(error.args[0], str):
        return False
    module = str(frames[-1][0].f_globals.get("__name__", ""))
    return module.partition(".")[0] in _OURS
