"""Installations that several files share. They end with the folder."""

from collections.abc import Iterator

import pytest

from tests.support.served import Served, serve
from tests.support.up import Up


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An installation of real processes, shared by all files of tests that only call it."""
    with serve(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="package")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`backdrop up` on its embedded default, shared by all files of tests that only call it."""
    up = Up(tmp_path_factory.mktemp("up"))
    up.start()
    yield up
    assert up.stop() == 0
