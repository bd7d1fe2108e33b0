"""The speed benchmark measures what it says: the bare calls of the networks, and what is left without them."""

import time
from typing import Any

import pytest

from benchmarks.speed.bare import BareNetworks
from benchmarks.speed.bench import Bench
from benchmarks.speed.swaps import in_threads, median
from pipeline.core.networks import Networks
from pipeline.core.spec import Spec
from pipeline.cutout.cache import Cache
from pipeline.swap import SwapResult
from service.settings import Settings
from tests.support import still_life

SIZE = (128, 128)


class SmallPhoto(Bench):
    """Swaps of a small photo where none is given."""

    def swap(self, spec: Spec, photo: bytes | None = None, cache: Cache | None = None) -> SwapResult:
        return super().swap(spec, photo or still_life.PHOTO, cache)


@pytest.fixture(scope="module")
def bench(networks: Networks) -> Bench:
    return SmallPhoto(Settings(), networks)


def slow(inner: Any = None) -> Any:
    """A network of torch that takes a tenth of a second, in a part of its own."""
    import torch  # here: it takes seconds, and every process collects this file

    class Slow(torch.nn.Module):  # type: ignore[misc]  # torch's types are not read
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if inner is None:
                time.sleep(0.1)
                return x + 1
            return inner(x)

    return Slow()


def test_a_call_inside_a_call_is_counted_once() -> None:
    import torch

    network = slow(slow())
    with BareNetworks().watched() as bare:
        network(torch.ones(3))
    network(torch.ones(3))  # watched no more
    assert bare.calls == 1
    assert bare.seconds >= 0.1
    assert bare.cpu_seconds < bare.seconds


def test_a_replayed_call_gives_the_answer_to_the_same_input_without_the_network() -> None:
    import torch

    network = slow()
    with BareNetworks().watched() as bare:
        one, two = network(torch.zeros(3)), network(torch.ones(3))
        with bare.replayed():
            assert torch.equal(network(torch.ones(3)), two)
            assert torch.equal(network(torch.zeros(3)), one)
            with pytest.raises(KeyError):
                network(torch.full((3,), 2.0))
    assert network.calls == 2


def test_what_was_watched_is_made_again_alone_and_counted_no_further() -> None:
    import torch

    network = slow()
    with BareNetworks().watched() as bare:
        network(torch.ones(3))
    seconds, _ = bare.alone()
    assert network.calls == 2
    assert seconds >= 0.1
    bare.alone()
    assert network.calls == 3, "what was made again is not made thrice"


@pytest.mark.gate  # 2 CPU-seconds; the benchmark itself says so when it breaks
def test_a_swap_is_split_into_networks_and_all_else(bench: Bench) -> None:
    run = bench.run(bench.spec("studio_sweep", SIZE, seed=1))
    # no time is held against another: on a busy machine the networks alone may take longer than the swap before
    assert run["networks_s"] > 0
    assert run["cpu_s"] > run["outside_cpu_s"]
    assert run["ratio"] == pytest.approx(run["wall_s"] / run["networks_s"])
    assert set(run["stages"]) >= {"segment", "background", "composite"}
    assert 0 < sum(run["stages"].values()) <= run["wall_s"]
    assert median([run, run]) == run


@pytest.mark.gate  # a benchmark's second part; the fast lane runs its first
def test_two_threads_at_once_are_compared_with_one_alone() -> None:
    figures = in_threads(SmallPhoto(Settings(), still_life.networks()), ["studio_sweep", "white"], SIZE, 2)
    assert figures["swaps"] == 4
    for times in (figures["as_ever"], figures["a_thread_a_swap"]):
        assert times["times_as_fast"] == pytest.approx(times["one_s"] / times["together_s"])
