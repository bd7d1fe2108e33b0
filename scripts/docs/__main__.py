"""`python -m scripts.docs`: builds the docs site and serves it on localhost, or writes it into a folder.

python -m scripts.docs [--port N] [--build DIR]
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from scripts.docs.assemble import PageBroken
from scripts.docs.site import BuildFailed, build, serve


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Build, then serve or write; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the docs site and serve it on localhost.")
    parser.add_argument("--port", type=int, default=8100, help="port to serve on; 0 takes a free port (default: 8100)")
    parser.add_argument("--build", type=Path, metavar="DIR", help="write the site into this folder and serve nothing")
    given = parser.parse_args()
    target: Path | None = given.build
    if target is not None and target.exists() and any(target.iterdir()):
        _say(f"--build: the folder {target} is not empty. Name a new or an empty folder.")
        return 1
    started = time.monotonic()
    try:
        site = build(progress=_say)
    except (PageBroken, BuildFailed, FileNotFoundError) as error:
        _say(str(error))
        return 1
    _say(f"built in {time.monotonic() - started:.1f} s")
    if target is not None:
        shutil.copytree(site, target, dirs_exist_ok=True)
        print(target)
        return 0
    try:
        serve(site, given.port, lambda address: print(f"ready {address}", flush=True))
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        _say(f"--port: {given.port} can't be used ({error.strerror}). Name another port, or 0 for a free one.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
