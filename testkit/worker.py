"""A worker whose networks cost nothing, for tests and storms: the real process, pipeline and signals, ready in seconds.

`python -m testkit.watch testkit.worker` runs it as `backdrop worker` runs the real worker.
Photos with a cut-out of their own, on white, need no network. Other photos give the segmenter a deed for the process
(`testkit.photos`).
"""

import ctypes
import os
import resource
import signal
import sys
import time

import numpy as np
from numpy.typing import NDArray

from pipeline.core.networks import FunctionSegmenter, Networks
from pipeline.core.spec import Limits
from pipeline.swap import cut_out
from service.settings import Settings, load_settings
from service.supervisor.processes import die_with_parent
from service.telemetry.logs import configure_logs
from service.worker.kernels import use_kept_kernels
from service.worker.main import serve
from testkit.photos import HELD, Deed, outline, plain, read_deed
from testkit.still_life import Darkener

_VERSIONS = {"segmenter": "lean", "segmenter_device": "cpu", "generator": "lean", "generator_device": "cpu"}


@FunctionSegmenter
def obedient_segmenter(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Do the photo's deed, then return everything that differs from its background."""
    match read_deed(image):
        case Deed.SLOW:
            time.sleep(1.5)
        case Deed.HELD:
            held = load_settings().home / HELD
            while held.exists():
                time.sleep(0.05)
        case Deed.HUNGRY:
            _take_too_much_memory()
        case Deed.KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        case Deed.HUNG:
            time.sleep(3600)
        case Deed.STUCK:
            ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the interpreter's lock during the call
        case Deed.BROKEN:
            raise ZeroDivisionError("a mistake of ours")
    return outline(image)


def _take_too_much_memory() -> None:
    """Raise the MemoryError of an allocation that the system refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as statm:  # noqa: PTH123  # a file of the kernel's
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (64 << 20), hard))
    try:
        np.ones(1 << 30, np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def lean_networks(settings: Settings) -> Networks:
    """Return networks that load at once, and load the compiled kernels.

    Loading holds the interpreter's lock: during the first job it would outlast a short lease or grace time on a busy
    machine. The real worker warms up too.
    """
    use_kept_kernels(settings)
    networks = Networks(obedient_segmenter, Darkener(), _VERSIONS)
    cut_out(plain(), networks, limits=Limits(), clock=time.perf_counter)
    return networks


def main() -> int:
    """Run one worker."""
    configure_logs(load_settings())
    die_with_parent()
    return serve(load_settings(), lean_networks)


if __name__ == "__main__":
    sys.exit(main())
