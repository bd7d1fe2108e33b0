"""How tests are marked, dealt and collected; their fixtures are in `tests.fixtures`."""

import gc
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

#: What takes longest, dearest first, files and folders: dealt last, one would keep a process busy when the others are
#: done.
DEAREST = (
    "system/test_workers.py",
    "system/test_hanging_workers.py",
    "system/test_outages.py",
    "system/test_embedded_outages.py",
    "system/test_in_flight.py",
    "system/test_webhook_processes.py",
    "system/test_up.py",
    "system/studio/",
    "system/test_examples.py",
    "system/test_chaos.py",
    "system/test_conformance.py",
    "system/test_crowd.py",
    "service/api/test_prefer.py",
    "models/hub/",
    "models/test_segmenter.py",
    "pipeline/delivery/test_presets.py",
    "service/jobs/test_state_machine.py",
    "pipeline/test_golden.py",
)
#: Files and folders that share what is dear to start, processes or libraries, and so go to one process of pytest.
TOGETHER = {
    "torch": (
        "models/hub/",
        "models/test_batches.py",
        "models/test_light_network.py",
        "models/test_graphs.py",
        "models/test_device.py",
        "service/diagnostics/test_generator_trial.py",
        "service/diagnostics/test_gpu_check.py",
        "service/worker/test_lane_jobs.py",
    ),
    "running_up": ("system/studio/", "system/test_examples.py"),
    "served": (
        *("system/client/", "system/test_batch.py", "system/test_contact_sheet.py", "system/test_remote_commands.py"),
    ),
}
#: Fixtures that start a server; a parameter named for one starts it by `getfixturevalue`.
SERVERS = {"valkey_url", "postgresql_server", "s3_server", *TOGETHER}
SERVED = {"postgresql", "s3", "embedded", "production"}


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, and give the fast lane, known by leaving out what needs servers, a quarter of the examples.

    The process that deals tests to others runs none: the others would wait 2 s for what the fixtures import there.
    """
    if config.getoption("numprocesses") and not hasattr(config, "workerinput"):
        return
    config.pluginmanager.import_plugin("tests.fixtures")
    from hypothesis import settings  # here: who deals does without

    # No deadline: an example takes longer than .2 s wherever the machine pauses.
    settings.register_profile("gate", deadline=None)
    settings.register_profile("fast", deadline=None, max_examples=25)
    settings.load_profile("fast" if _is_fast(config) else "gate")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read no file of `system/` in the fast lane, which would leave out all of its tests."""
    return True if _is_fast(config) and collection_path == Path(__file__).parent / "system" else None


def _is_fast(config: pytest.Config) -> bool:
    return "system or servers" in config.getoption("markexpr")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark who needs processes of ours: all of `system/`, and what has a server among its fixtures or parameters."""
    if _file(item).startswith("system/"):
        item.add_marker("system")
    parameters = getattr(item, "callspec", None)
    values = {value for value in parameters.params.values() if isinstance(value, str)} if parameters else set()
    if SERVERS & set(getattr(item, "fixturenames", ())) or SERVED & values:
        item.add_marker("servers")


@pytest.hookimpl(trylast=True)  # after pytest has put those side by side that share a fixture: a file's own order stays
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the dearest files first, then the rest of `system/`, whose tests mostly wait."""
    items.sort(key=lambda item: _turn(_file(item)))


def _turn(file: str) -> int:
    named = (number for number, place in enumerate(DEAREST) if file.startswith(place))
    return next(named, len(DEAREST) + (not file.startswith("system/")))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while modules are imported: it finds next to nothing in a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Take what collecting made out of the garbage collector's rounds: thousands of items and all their modules.

    torch is not among them: every process collects every file, so who needs it imports it within a test.
    """
    if "torch" in sys.modules:
        raise pytest.UsageError("A file of tests, or what it imports, imports torch as it is collected.")
    gc.freeze()
    # A twentieth of the tests' time went into rounds that found nothing: cycles are few here, and memory is enough.
    gc.set_threshold(20_000, 20, 100)


class Dealer(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Deals files to the processes of pytest, those of TOGETHER as if they were one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0].removeprefix("tests/")
        return next((name for name, places in TOGETHER.items() if file.startswith(places)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Dealer:
    return Dealer(config, log)


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).as_posix()
