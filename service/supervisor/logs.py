"""Logging: one format for every process, on standard error."""

import logging


def configure_logs(level: int = logging.INFO) -> None:
    """Send every log line to standard error with time, level and the logger's name."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s  %(message)s", force=True)
    for noisy in ("alembic", "botocore", "boto3", "urllib3", "httpx", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
