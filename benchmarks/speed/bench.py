"""Measured swaps of the sample product in this process."""

import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.speed.bare import BareNetworks
from pipeline.core.networks import Networks
from pipeline.core.order import SwapOrder
from pipeline.core.spec import Spec
from pipeline.swap import SwapResult, swap
from service.catalogue.catalogue import load_catalogue
from service.settings import Settings
from service.worker.local import build_spec

SAMPLE = Path(__file__).resolve().parents[2] / "service" / "sample" / "bottle.jpg"
COLOURS = ("#e8c7b8", "ivory")
MEBI = 2**20


class Bench:
    """Swaps in this process, with the installation's networks and settings."""

    def __init__(self, settings: Settings, networks: Networks):
        self.settings, self.networks, self.catalogue = settings, networks, load_catalogue()

    def spec(self, scene: str, size: tuple[int, int], seed: int, mood: str = "calm") -> Spec:
        """Return the spec of one swap, on a canvas of `size` pixels."""
        spec = build_spec(self.catalogue, SwapOrder(scene, mood, "shopify_product", COLOURS, seed=seed))
        return replace(spec, preset=replace(spec.preset, size=size))

    def swap(self, spec: Spec, photo: bytes | None = None) -> SwapResult:
        """Return the result of one swap."""
        data = SAMPLE.read_bytes() if photo is None else photo
        return swap(data, spec, self.networks, limits=self.settings.limits, clock=time.perf_counter)

    def run(self, spec: Spec) -> dict[str, Any]:
        """Return the seconds of one swap, of its bare networks and of each stage, their ratio, and CPU-seconds."""
        with BareNetworks().watched() as bare:
            started, cpu_started = time.perf_counter(), time.process_time()
            render = self.swap(spec)
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        networks, networks_cpu = bare.alone()
        return {
            "wall_s": wall,
            "networks_s": networks,
            "ratio": wall / networks if bare.seconds else 0.0,
            "cpu_s": cpu,
            "outside_cpu_s": cpu - networks_cpu,
            "stages": render.report.provenance.timings,
        }


def peak_mib() -> float:
    """Return the peak resident memory of this process in MiB, networks included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (MEBI if sys.platform == "darwin" else 2**10), 1)  # macOS counts bytes, Linux KiB
