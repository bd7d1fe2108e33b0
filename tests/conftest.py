"""Marking, distribution and collection of the tests; their fixtures are in `tests.fixtures`."""

import gc
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

#: Seconds of the slowest files in the last recorded gate, by their name.
DURATIONS = Path(__file__).with_name("durations.txt")
#: Seconds from which a file is in that list: an unknown file is dealt as a faster one.
SLOW = 5.0
#: Files and folders that share costly processes or libraries. They go to one process of pytest.
TOGETHER = {
    "torch": (
        "models/hub/",
        "models/test_batches.py",
        "models/test_light_network.py",
        "models/test_graphs.py",
        "models/test_device.py",
        "service/diagnostics/test_generator_trial.py",
        "benchmarks/test_gpu.py",
        "service/worker/test_lane_jobs.py",
    ),
    "running_up": ("system/studio/", "system/test_examples.py"),
    "served": (
        *("system/client/", "system/test_batch.py", "system/test_contact_sheet.py", "system/test_remote_commands.py"),
    ),
    "troubled": ("system/test_workers.py", "system/test_outages.py"),
}
#: Fixtures that start a server. A parameter of the same name starts it by `getfixturevalue`.
SERVERS = {"valkey_url", "postgresql_server", "s3_server", *TOGETHER}
SERVED = {"postgresql", "s3", "embedded", "production"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-durations", action="store_true", help="Write tests/durations.txt, which orders the lanes."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, and give the fast lane a quarter of the examples.

    A run without the servers' tests is the fast lane. The process that deals tests to the others runs none and loads no
    fixtures: their imports would make the others wait 2 s.
    """
    if config.getoption("numprocesses") and not hasattr(config, "workerinput"):
        return
    config.pluginmanager.import_plugin("tests.fixtures")
    from hypothesis import settings  # here: the dealing process does not need it

    # No deadline: an example takes longer than 0.2 s wherever the machine pauses.
    settings.register_profile("gate", deadline=None)
    settings.register_profile("fast", deadline=None, max_examples=25)
    settings.load_profile("fast" if _is_fast(config) else "gate")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip the files of `system/` in the fast lane, which would deselect all their tests."""
    return True if _is_fast(config) and collection_path == Path(__file__).parent / "system" else None


def _is_fast(config: pytest.Config) -> bool:
    return "system or servers" in config.getoption("markexpr")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that need processes: all of `system/`, and tests with a server among fixtures or parameters."""
    if _file(item).startswith("system/"):
        item.add_marker("system")
    parameters = getattr(item, "callspec", None)
    values = {value for value in parameters.params.values() if isinstance(value, str)} if parameters else set()
    if SERVERS & set(getattr(item, "fixturenames", ())) or SERVED & values:
        item.add_marker("servers")


@pytest.hookimpl(trylast=True)  # after pytest has grouped tests that share a fixture: a file's own order stays
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the slowest first: started last, they would keep one process busy when the others are done."""
    seconds = defaultdict[str, float](float)
    for line in DURATIONS.read_text().splitlines():
        took, _, file = line.partition(" ")
        seconds[_dealt_as(file)] += float(took)
    items.sort(key=lambda item: (-seconds[_dealt_as(_file(item))], _dealt_as(_file(item))))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the durations of this run's files."""
    if not config.getoption("record_durations"):
        return
    seconds = defaultdict[str, float](float)
    for report in (one for reports in terminalreporter.stats.values() for one in reports):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0].removeprefix("tests/")] += report.duration
    slowest = sorted(seconds.items(), key=lambda of_file: -of_file[1])
    slow = [f"{took:.0f} {file}\n" for file, took in slowest if took >= SLOW]
    DURATIONS.write_text("".join(slow))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Switch the garbage collector off while modules are imported: it took a quarter of the time and found little."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Exclude the collected items and modules from garbage collection: there are thousands.

    torch is not among them: every process collects every file, so a test imports it in its own function.
    """
    if "torch" in sys.modules:
        raise pytest.UsageError("A file of tests, or what it imports, imports torch as it is collected.")
    gc.freeze()
    # Garbage collection took a twentieth of the tests' time and found nothing: cycles are few here.
    gc.set_threshold(20_000, 20, 100)


class Dealer(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Deals files to the processes of pytest, and the files of TOGETHER as one file."""

    def _split_scope(self, nodeid: str) -> str:
        return _dealt_as(nodeid.partition("::")[0].removeprefix("tests/"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Dealer:
    return Dealer(config, log)


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).as_posix()


def _dealt_as(file: str) -> str:
    """Return a file's name, or the name in TOGETHER of all that go to one process with it."""
    return next((name for name, places in TOGETHER.items() if file.startswith(places)), file)
