"""Explanations of exceptions in place of a traceback: the problem, its subject, and the remedy."""

import errno
import traceback

from pipeline.core.errors import PipelineError

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
