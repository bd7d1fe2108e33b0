"""A cache of prompt embeddings: the catalogue's prompts repeat from job to job.

A diffusers pipeline of any family embeds its prompts in `encode_prompt`. For a known prompt, the cache returns the
earlier result, and the text encoders do not run. If they are offloaded, they then stay off the device.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from models.device import give_back_device_memory

#: Most bytes of cached embeddings; the longest unused are dropped. A prompt of FLUX.2 [klein] 4B has 8 MB.
MOST_BYTES = 256 * 2**20


class PromptMemory:
    """`encode_prompt` of one pipeline, with a cache of its results. Not thread-safe."""

    def __init__(
        self,
        encode: Callable[..., Any],
        most_bytes: int = MOST_BYTES,
        ready: Callable[[], AbstractContextManager[None]] = nullcontext,
    ):
        """Take the function that embeds prompts, and a context manager that prepares it."""
        self._encode, self._most, self._ready = encode, most_bytes, ready
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        #: Size of the cache in bytes.
        self.bytes = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Return the embeddings of prompts; calls with other arguments, such as images, are not cached."""
        try:
            key = _key((arguments, sorted(named.items())))
        except TypeError:
            with self._ready():
                return self._encode(*arguments, **named)
        if key in self._kept:
            self._kept.move_to_end(key)
            return _copied(self._kept[key])
        with self._ready():
            answer = self._encode(*arguments, **named)
        self._kept[key] = _copied(answer)
        self.bytes += _bytes(answer)
        while self.bytes > self._most:
            self.bytes -= _bytes(self._kept.popitem(last=False)[1])
        return answer


def remember_prompts(pipe: Any, fetched_to: str | None = None) -> Any:
    """Add a cache of prompt embeddings to a diffusers pipeline, if it has prompts; return the pipeline.

    `fetched_to` is the device to which its text encoders are moved, from the host's memory, only for new prompts.
    """
    if hasattr(pipe, "encode_prompt"):
        ready: Callable[[], AbstractContextManager[None]] = nullcontext
        if fetched_to is not None:
            ready = partial(_fetched, pipe, fetched_to)
        pipe.encode_prompt = PromptMemory(pipe.encode_prompt, ready=ready)
    return pipe


def text_encoders(pipe: Any) -> dict[str, Any]:
    """Return a pipeline's text encoders by the names of its parts."""
    return {name: part for name, part in pipe.components.items() if name.startswith("text_encoder") and part}


@contextmanager
def _fetched(pipe: Any, device: str) -> Iterator[None]:
    encoders = text_encoders(pipe).values()
    try:
        for encoder in encoders:
            encoder.to(device)
        yield
    finally:
        for encoder in encoders:
            encoder.to("cpu")
        give_back_device_memory()


def _key(value: Any) -> Hashable:
    """Return a key that is equal for equal arguments. Raises TypeError for arguments of other types."""
    import torch

    if isinstance(value, (list, tuple)):
        return tuple(_key(one) for one in value)
    if value is None or isinstance(value, (str, int, float, bool, torch.device, torch.dtype)):
        return type(value), value
    raise TypeError


def _copied(answer: Any) -> Any:
    """Return an answer with copied lists, since a pipeline may add to them; it does not change tensors."""
    if isinstance(answer, (list, tuple)):
        return type(answer)(_copied(one) for one in answer)
    return answer


def _bytes(answer: Any) -> int:
    return sum(tensor.nelement() * tensor.element_size() for tensor in _tensors(answer))


def _tensors(answer: Any) -> Iterator[Any]:
    if isinstance(answer, (list, tuple)):
        for one in answer:
            yield from _tensors(one)
    elif answer is not None:
        yield answer
