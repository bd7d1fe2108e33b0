"""The command line: in this process, and as the program that is installed."""

import sys
from pathlib import Path

from click.testing import CliRunner, Result

from service.cli.main import main

BACKDROP = str(Path(sys.executable).with_name("backdrop"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))
