"""Atomic writes: a batch's files are there whole, or not at all."""

import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Remove what writes and downloads that were cut off have left in a folder. Nobody writes there meanwhile."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
