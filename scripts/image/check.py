"""Builds the image without a GPU, runs compose.yaml to a real swap, and looks at what a container promises.

    python -m scripts.image.check [--image backdrop] [--no-build] [--keep] [-- BUILD ARGUMENTS]

Needs an engine with Compose (DOCKER_HOST says which), and the images that compose.yaml names: from a registry, or from
`scripts/image/base` and stand-ins.Dockerfile. What follows `--` goes to `docker build`. Prints times and sizes, and
exits 1 at the first thing that is not as it should be. By hand: it takes minutes.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "backdrop-check"
#: What compose.yaml asks for.
PASSWORDS = dict.fromkeys(("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "S3_SECRET"), "check0123456789")
PARTS = ("api", "worker", "sweep")


class NotAsItShouldBe(click.ClickException):
    """Raised with what is wrong."""


def run(*command: str, check: bool = True, **environment: str) -> str:
    """Run a command from the repository's root; return what it printed."""
    settings = [f"{name}={value}" for name, value in (PASSWORDS | environment).items()]
    # env keeps the caller's own environment, DOCKER_HOST above all.
    whole = ["/usr/bin/env", *settings, *command]
    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NotAsItShouldBe(f"{' '.join(command)}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout.strip()


def compose(*arguments: str, check: bool = True) -> str:
    """Run Compose on this project."""
    files = ("-f", "compose.yaml", "-f", "compose.nogpu.yaml")
    return run("docker", "compose", "-p", PROJECT, *files, *arguments, check=check)


def say(what: str, figure: str) -> None:
    """Print a figure."""
    click.echo(f"{what:<58} {figure}")


def require(fact: bool, wrong: str) -> None:
    """Raise NotAsItShouldBe where the fact is none."""
    if not fact:
        raise NotAsItShouldBe(wrong)


def look_at_image(image: str) -> None:
    """Its user, its size, its commit, its bill of materials and its licences."""
    told = json.loads(run("docker", "image", "inspect", image))[0]
    user = told["Config"]["User"].partition(":")[0]
    require(user.isdigit() and user != "0", f"its user is {user!r}, no number that is not root's")
    labels = told["Config"]["Labels"] or {}
    require("org.opencontainers.image.revision" in labels, "it does not say which commit it was built from")
    say("image", f"{told['Size'] / 1e9:.2f} GB, user {told['Config']['User']}")
    inside = run("docker", "run", "--rm", "--entrypoint", "cat", image, "/backdrop/share/backdrop/sbom.cdx.json")
    found = {one["name"].lower(): one["version"] for one in json.loads(inside)["components"]}
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    locked = dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line and " ; " not in line)
    other = {name: found[name] for name in locked.keys() & found.keys() if found[name] != locked[name]}
    require(not other, f"not the locked versions: {other}")
    licences = run("docker", "run", "--rm", "--entrypoint", "cat", image, "/backdrop/share/backdrop/licences.txt")
    named = {line.lower() for line in licences.splitlines()}
    require({"dramatiq", "psycopg"} <= named, "its list of licences lacks packages")
    say("bill of materials", f"{len(found)} packages, those of the lock file in its versions")


def look_at_parts() -> None:
    """What runs is not root and writes nowhere but to /tmp; none but the API's and the objects' ports are open."""
    for part in PARTS:
        status = compose("exec", "-T", part, "cat", "/proc/1/status")
        ids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
        require("0" not in ids, f"{part} is root")
        wrote = compose("exec", "-T", part, "sh", "-c", "echo x >/backdrop/x && echo wrote || true")
        require("wrote" not in wrote, f"{part} writes to its root file system")
        require(compose("exec", "-T", part, "touch", "/tmp/x") == "", f"{part} can't write to /tmp")  # noqa: S108  # its own
    # Where no password is given, nothing is answered.
    said = compose("exec", "-T", "-e", "REDISCLI_AUTH=", "valkey", "valkey-cli", "ping", check=False)
    require("PONG" not in said, "Valkey answers without a password")


def ready_after(part: str) -> float:
    """Seconds from a container's start to its process's own line that it takes jobs."""
    container = compose("ps", "-q", part)
    told = json.loads(run("docker", "inspect", container))[0]
    log = run("sh", "-c", f"docker logs -t {container} 2>&1")
    line = next(line for line in log.splitlines() if "ready for jobs" in line)
    began, came = told["State"]["StartedAt"], line.split()[0]
    return seconds_of(came) - seconds_of(began)


def seconds_of(moment: str) -> float:
    """Return an RFC 3339 moment with nanoseconds, UTC, as seconds of its day."""
    hours, minutes, seconds = moment.rstrip("Z").partition("T")[2].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def swap() -> None:
    """Order one as a caller would, from outside; look at the picture."""
    made = compose("exec", "-T", "api", "backdrop", "clients", "add", "check", "--credits", "9", "--json")
    key = json.loads(made)["key"]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "out.png"
        order = ("swap", "service/sample/bottle.jpg", "--scene", "podium", "--mood", "calm", "--color", "#c05a3c")
        where = ("--preset", "instagram_square", "--url", "http://127.0.0.1:8000", "--key", key, "-o", str(picture))
        began = time.monotonic()
        run(".venv/bin/backdrop", *order, *where, "--quiet")
        say("a swap by HTTP, ordered, made and fetched", f"{time.monotonic() - began:.1f} s")
        require(picture.stat().st_size > 50_000, "the picture is none")


def stop_idle(part: str) -> None:
    """SIGTERM, and how long it takes."""
    container, began = compose("ps", "-q", part), time.monotonic()
    run("docker", "stop", "--time", "60", container)
    lasted = time.monotonic() - began
    status = run("docker", "inspect", "--format", "{{.State.ExitCode}}", container)
    require(status == "0", f"{part} ended with status {status}")
    say(f"{part}, idle: SIGTERM to its end, status 0", f"{lasted:.1f} s")


@click.command(help=__doc__)
@click.option("--image", default="backdrop", show_default=True)
@click.option("--no-build", is_flag=True, help="Take the image as it is.")
@click.option("--keep", is_flag=True, help="Leave it running.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def main(image: str, no_build: bool, keep: bool, arguments: Sequence[str]) -> None:
    """Build, look, run, stop."""
    began = time.monotonic()
    if not no_build:
        run("docker", "build", "-f", "Dockerfile.cuda", "-t", image, "--build-arg", "DEVICE=cpu", *arguments, ".")
        say("build", f"{time.monotonic() - began:.0f} s")
    look_at_image(image)
    if image != "backdrop":
        run("docker", "tag", image, "backdrop")
    try:
        began = time.monotonic()
        compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "300")
        say("compose up, until all are healthy", f"{time.monotonic() - began:.1f} s")
        say("worker: container's start to ready for jobs", f"{ready_after('worker'):.1f} s")
        look_at_parts()
        say("parts", "not root, root file system read-only, Valkey closed")
        swap()
        for part in reversed(PARTS):
            stop_idle(part)
    finally:
        if not keep:
            compose("down", "--volumes", "--timeout", "5", check=False)


if __name__ == "__main__":
    sys.exit(main())
