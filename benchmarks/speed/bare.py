"""The bare calls of the networks, measured or replaced by recorded answers."""

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import onnxruntime


class BareNetworks:
    """The calls of OpenVINO's and onnxruntime's sessions, and of torch's outermost modules.

    Work before and after a call is left out, such as scaling a photo or stretching a mask. Libraries that are not
    imported are not watched: the networks that ship need no torch on a CPU.
    """

    def __init__(self) -> None:
        #: Seconds of wall time and of CPU time of all threads, summed over the calls.
        self.seconds = self.cpu_seconds = 0.0
        self._answers: dict[str, Any] = {}
        #: Measured calls, to be repeated.
        self._calls: list[Callable[[], Any]] = []
        self._replaying = False
        self._inside = threading.local()

    @property
    def calls(self) -> int:
        """Number of measured calls; a nested call is part of the outer one."""
        return len(self._calls)

    @contextmanager
    def watched(self) -> Iterator["BareNetworks"]:
        """Watch all calls of this process. Their CPU time includes other threads, so run nothing else."""
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

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Answer watched calls with their recorded answers. Another call raises KeyError."""
        self._replaying = True
        try:
            yield
        finally:
            self._replaying = False

    def _watching(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(network: Any, *arguments: Any, **named: Any) -> Any:
            if getattr(self._inside, "call", False):
                return original(network, *arguments, **named)
            key = _key(network, arguments, named)
            if self._replaying:
                return self._answers[key]
            self._inside.call = True
            started, cpu_started = time.perf_counter(), time.process_time()
            try:
                self._answers[key] = answer = original(network, *arguments, **named)
                self._calls.append(partial(original, network, *arguments, **named))
            finally:
                self.seconds += time.perf_counter() - started
                self.cpu_seconds += time.process_time() - cpu_started
                self._inside.call = False
            return answer

        return call


def _key(network: Any, arguments: Any, named: Any) -> str:
    """Return a digest of a call: of the network and the bytes of its arguments."""
    digest = hashlib.blake2b(str(id(network)).encode(), digest_size=16)

    def add(value: Any) -> None:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple):
            for one in value:
                add(one)
        else:
            array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
            digest.update(np.ascontiguousarray(array).data if isinstance(array, np.ndarray) else repr(array).encode())

    add((arguments, named))
    return digest.hexdigest()
