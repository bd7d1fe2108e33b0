"""The command line: in this process, and as the installed program."""

import os
from pathlib import Path

from click.testing import CliRunner, Result

from service.cli.main import main
from service.settings import Settings
from tests.support.databases import migrated_engine


def run(*arguments: str) -> Result:
    # A refused command leaves its umask behind, since its process would end.
    before = os.umask(0o077)
    os.umask(before)
    try:
        return CliRunner().invoke(main, list(arguments))
    finally:
        os.umask(before)


def migrated_home(folder: Path) -> tuple[str, str]:
    """Return the option for a home whose database is migrated."""
    migrated_engine(Settings(home=folder)).dispose()
    return "--home", str(folder)
