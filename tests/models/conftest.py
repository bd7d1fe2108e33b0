"""Fixtures of the tests of models: tiny pipelines, saved once, and threads that call at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from tests.models.hub.tiny_families import TINY_FAMILIES


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline, under the real model's name; created once, read only."""

    @cache
    def saved(name: str) -> Path:
        import torch

        folder = tmp_path_factory.mktemp(name)
        torch.manual_seed(0)
        TINY_FAMILIES[name](folder).save_pretrained(folder / name)
        return folder / name

    return saved
