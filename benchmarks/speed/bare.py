"""The bare calls of the networks: measured, or answered from what they answered before, so that all else can be."""

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
    """The calls of OpenVINO's and onnxruntime's sessions, and of torch's modules (the outermost of nested ones).

    What was not imported before is not watched: the networks that ship need no torch on a CPU.

    What is done before and after them is not part of them: scaling a photo, stretching a mask.
    """

    def __init__(self) -> None:
        #: Wall time and CPU time of all threads, summed over the calls.
        self.seconds = self.cpu_seconds = 0.0
        self._answers: dict[str, Any] = {}
        #: Calls that were measured, to be made again.
        self._calls: list[Callable[[], Any]] = []
        self._replaying = False
        self._inside = threading.local()

    @property
    def calls(self) -> int:
        """How many calls were measured; one that is made inside another is part of it."""
        return len(self._calls)

    @contextmanager
    def watched(self) -> Iterator["BareNetworks"]:
        """Watch all calls of this process; their time is that of whatever runs meanwhile, so run nothing else."""
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
        """Make the calls that were watched again, one after another, and return their wall time and CPU time.

        In a swap, work of ours may run beside a network and slow it: its time there is no limit to measure against.
        """
        started, cpu_started = time.perf_counter(), time.process_time()
        for call in self._calls:
            call()
        return time.perf_counter() - started, time.process_time() - cpu_started

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Answer calls that were watched before with what they answered then; raises KeyError for any other."""
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
    """Return what tells a call from others: the network and the bytes that it is given."""
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
