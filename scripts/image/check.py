"""Build the image without a GPU, run compose.yaml up to a real swap, and check the containers.

    python -m scripts.image.check [--image backdrop] [--no-build] [--keep] [-- BUILD ARGUMENTS]

Needs an engine with Compose (DOCKER_HOST selects it) and the images of compose.yaml. They come from a registry, or from
`scripts/image/base` and stand-ins.Dockerfile. `docker build` gets the arguments after `--`. The script prints times and
sizes, and exits 1 at the first failed check. It takes minutes, so no test runs it.
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
#: The variables that compose.yaml needs.
PASSWORDS = dict.fromkeys(("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "S3_SECRET"), "check0123456789")
PARTS = ("api", "worker", "sweep")


class NotAsItShouldBe(click.ClickException):
    """Raised with the failed check."""


def run(*command: str, check: bool = True, **environment: str) -> str:
    """Run a command in the repository's root and return its output. Raises NotAsItShouldBe if it fails."""
    settings = [f"{name}={value}" for name, value in (PASSWORDS | environment).items()]
    # env keeps the caller's environment, above all DOCKER_HOST.
    whole = ["/usr/bin/env", *settings, *command]
    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NotAsItShouldBe(f"{' '.join(command)}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout.strip()


def compose(*arguments: str, check: bool = True) -> str:
    """Run Compose on this project and return its output."""
    files = ("-f", "compose.yaml", "-f", "compose.nogpu.yaml")
    return run("docker", "compose", "-p", PROJECT, *files, *arguments, check=check)


def say(what: str, figure: str) -> None:
    """Print a figure."""
    click.echo(f"{what:<58} {figure}")


def require(fact: bool, wrong: str) -> None:
    """Raise NotAsItShouldBe with `wrong` unless `fact` is true."""
    if not fact:
        raise NotAsItShouldBe(wrong)


def look_at_image(image: str) -> None:
    """Check the image's user, commit label, bill of materials and licences; print its size."""
    details = json.loads(run("docker", "image", "inspect", image))[0]
    user = details["Config"]["User"].partition(":")[0]
    require(user.isdigit() and user != "0", f"The image's user is {user!r}. It must be a number other than 0.")
    labels = details["Config"]["Labels"] or {}
    require("org.opencontainers.image.revision" in labels, "The image has no label with its commit.")
    say("image", f"{details['Size'] / 1e9:.2f} GB, user {details['Config']['User']}")
    inside = run("docker", "run", "--rm", "--entrypoint", "cat", image, "/backdrop/share/backdrop/sbom.cdx.json")
    found = {one["name"].lower(): one["version"] for one in json.loads(inside)["components"]}
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    locked = dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line and " ; " not in line)
    other = {name: found[name] for name in locked.keys() & found.keys() if found[name] != locked[name]}
    require(not other, f"The image has other versions than requirements.lock: {other}")
    licences = run("docker", "run", "--rm", "--entrypoint", "cat", image, "/backdrop/share/backdrop/licences.txt")
    named = {line.lower() for line in licences.splitlines()}
    require({"dramatiq", "psycopg"} <= named, "The list of licences lacks dramatiq or psycopg.")
    say("bill of materials", f"{len(found)} packages, all at the locked versions")


def look_at_parts() -> None:
    """Check that no part runs as root or can write outside /tmp, and that Valkey needs a password."""
    for part in PARTS:
        status = compose("exec", "-T", part, "cat", "/proc/1/status")
        ids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
        require("0" not in ids, f"{part} runs as root.")
        wrote = compose("exec", "-T", part, "sh", "-c", "echo x >/backdrop/x && echo wrote || true")
        require("wrote" not in wrote, f"{part} can write to its root file system.")
        require(compose("exec", "-T", part, "touch", "/tmp/x") == "", f"{part} can't use /tmp.")  # noqa: S108  # its own
    # The real password is set in the container's environment: remove it.
    said = compose("exec", "-T", "-e", "REDISCLI_AUTH=", "valkey", "valkey-cli", "ping", check=False)
    require("PONG" not in said, "Valkey answers without a password.")


def ready_after(part: str) -> float:
    """Return the seconds from a container's start to its first log line "ready for jobs"."""
    container = compose("ps", "-q", part)
    details = json.loads(run("docker", "inspect", container))[0]
    log = run("sh", "-c", f"docker logs -t {container} 2>&1")
    line = next(line for line in log.splitlines() if "ready for jobs" in line)
    began, came = details["State"]["StartedAt"], line.split()[0]
    return seconds_of(came) - seconds_of(began)


def seconds_of(moment: str) -> float:
    """Return the seconds of the day of an RFC 3339 time in UTC with nanoseconds."""
    hours, minutes, seconds = moment.rstrip("Z").partition("T")[2].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def swap() -> None:
    """Order a swap over HTTP from outside the containers, and check the picture's size."""
    made = compose("exec", "-T", "api", "backdrop", "clients", "add", "check", "--credits", "9", "--json")
    key = json.loads(made)["key"]
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "out.png"
        order = ("swap", "service/sample/bottle.jpg", "--scene", "podium", "--mood", "calm", "--color", "#c05a3c")
        where = ("--preset", "instagram_square", "--url", "http://127.0.0.1:8000", "--key", key, "-o", str(picture))
        began = time.monotonic()
        run(".venv/bin/backdrop", *order, *where, "--quiet")
        say("a swap over HTTP, from order to download", f"{time.monotonic() - began:.1f} s")
        require(picture.stat().st_size > 50_000, "The picture has 50,000 bytes or fewer.")


def stop_idle(part: str) -> None:
    """Stop a part by SIGTERM, check that its exit status is 0, and print the time."""
    container, began = compose("ps", "-q", part), time.monotonic()
    run("docker", "stop", "--time", "60", container)
    lasted = time.monotonic() - began
    status = run("docker", "inspect", "--format", "{{.State.ExitCode}}", container)
    require(status == "0", f"{part} ended with status {status}, and 0 was expected.")
    say(f"{part}, idle: SIGTERM to exit with status 0", f"{lasted:.1f} s")


@click.command(help=__doc__)
@click.option("--image", default="backdrop", show_default=True)
@click.option("--no-build", is_flag=True, help="Use the existing image.")
@click.option("--keep", is_flag=True, help="Keep the containers running.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def main(image: str, no_build: bool, keep: bool, arguments: Sequence[str]) -> None:
    """Build the image, start all parts, and run the checks."""
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
        say("compose up until all parts are healthy", f"{time.monotonic() - began:.1f} s")
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
