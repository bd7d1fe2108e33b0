"""The bare calls of the networks, measured."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import onnxruntime


class BareNetworks:
    """The calls of OpenVINO's and onnxruntime's sessions, and of torch's outermost modules.

    Work before and after a call is left out, such as scaling a photo or stretching a mask. Libraries that are not
    imported are not watched: the networks that ship need no torch on a CPU.
    """

    def __init__(self) -> None:
        #: Seconds of wall time, summed over the calls.
        self.seconds = 0.0
        #: Measured calls, to be repeated.
        self._calls: list[Callable[[], Any]] = []
        self._inside = threading.local()

    @contextmanager
    def watched(self) -> Iterator["BareNetworks"]:
        """Watch all calls of this process."""
        owners: list[tuple[Any, str]] = [(onnxruntime.InferenceSession, "run")]
        if openvino := sys.modules.get("models.openvino_session"):
            owners.append((openvino.OpenvinoSession, "run"))
        if torch := sys.modules.get("torch"):
            owners.append((torch.nn.Module, "__call__"))
        originals = [getattr(owner, name) for owner, name in owners]
        for (owner, name), original in zip(owners, originals, strict=True):
            setattr(owner, name, self._watching(original))
        try:
            yield self
        finally:
            for (owner, name), original in zip(owners, originals, strict=True):
                setattr(owner, name, original)

    def alone(self) -> tuple[float, float]:
        """Repeat the watched calls one after another, and return their seconds of wall time and CPU time.

        Within a swap, other work of the pipeline may run at the same time and slow a network.
        """
        started, cpu_started = time.perf_counter(), time.process_time()
        for call in self._calls:
            call()
        return time.perf_counter() - started, time.process_time() - cpu_started

    def _watching(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(network: Any, *arguments: Any, **named: Any) -> Any:
            if getattr(self._inside, "call", False):
                return original(network, *arguments, **named)
            self._inside.call = True
            started = time.perf_counter()
            try:
                answer = original(network, *arguments, **named)
                self._calls.append(partial(original, network, *arguments, **named))
            finally:
                self.seconds += time.perf_counter() - started
                self._inside.call = False
            return answer

        return call
