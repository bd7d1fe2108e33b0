"""A worker with a stand-in device, which holds the device lane without the interpreter's lock, as a CUDA call does.

`python -m testkit.watch benchmarks.speed.stand_in SECONDS FOLDER` runs it as `backdrop worker` runs the
real one. SECONDS is the time of a painting, in steps. Each adds a line to a file in FOLDER: its start and end by the
monotonic clock, which all processes of a machine share.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.networks import Capabilities, FunctionSegmenter, Networks, Painted, PaintRequest
from service.settings import Settings, load_settings
from service.supervisor.processes import die_with_parent
from service.telemetry.logs import configure_logs
from service.worker.kernels import use_kept_kernels, warm_up
from service.worker.main import serve

_VERSIONS = dict.fromkeys(("segmenter", "generator", "generator_device"), "stand-in") | {"segmenter_device": "cpu"}
#: Steps of a painting, as in distilled models.
_STEPS = 4


class StandIn:
    """A generator that returns the light of its request after `seconds`."""

    capabilities = Capabilities(paints="light", size=128)

    def __init__(self, seconds: float, log: Path) -> None:
        self._seconds, self._log = seconds, log

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        """Hold the device step by step, and return the light."""
        for step in range(1, _STEPS + 1):
            began = time.monotonic()
            time.sleep(self._seconds / _STEPS)
            with self._log.open("a") as file:
                file.write(f"{began} {time.monotonic()}\n")
            for request in requests:
                request.on_step(step / _STEPS)
        return [request.conditions.light for request in requests]


@FunctionSegmenter
def by_colour(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return alpha of the pixels that differ from the photo's border."""
    border = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]), axis=0)
    distance = np.abs(image.astype(np.float32) - border.astype(np.float32)).max(axis=2)
    return np.asarray(np.clip((distance - 24) / 48, 0, 1), np.float32)


def main() -> int:
    """Run one worker."""
    configure_logs(load_settings())
    die_with_parent()
    seconds, folder = sys.argv[1:]

    def load(settings: Settings) -> Networks:
        use_kept_kernels(settings)
        # The first swap imports modules, so it must not hold the device.
        warm_up(Networks(by_colour, StandIn(0, Path(os.devnull))))
        log = Path(folder) / f"{os.getpid()}.log"
        return Networks(by_colour, StandIn(float(seconds), log), _VERSIONS)

    return serve(load_settings(), load)


if __name__ == "__main__":
    sys.exit(main())
