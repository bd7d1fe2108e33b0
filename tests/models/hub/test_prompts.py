"""The catalogue's prompts are embedded once: the text encoder does not run again for a known prompt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.hub.prompts import PromptMemory
from tests.lanes import rest_in_gate
from tests.support.tiny_pipelines import load_pipeline, paint


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize(
    "name",
    rest_in_gate(["stable-diffusion-v1-5", "sdxl-lightning", "Z-Image-Turbo", "FLUX.1-schnell", "FLUX.2-klein-4B"]),
)
def test_the_same_words_are_embedded_once_and_give_the_same_picture(
    tiny_folder: Callable[[str], Path], name: str
) -> None:
    generator = load_pipeline(tiny_folder(name), size=96, steps=1)
    pipe, runs = generator._pipe, list[str]()
    for part in ("text_encoder", "text_encoder_2"):
        if getattr(pipe, part, None) is not None:
            encoder = getattr(pipe, part)
            # FLUX.2's pipeline calls the model below the head
            getattr(encoder, "model", encoder).register_forward_hook(lambda *_, part=part: runs.append(part))
    first = paint(generator)
    once = len(runs)
    again, other = paint(generator), paint(generator, seed=2)
    assert once > 0
    assert len(runs) == once
    np.testing.assert_array_equal(first, again)
    assert np.abs(other - first).max() > 0


def test_the_least_recently_used_are_dropped_and_other_inputs_are_never_kept() -> None:
    import torch

    calls: list[Any] = []

    def encode(prompt: Any, device: Any = None) -> tuple[Any, list[Any]]:
        calls.append(prompt)
        return torch.ones(10), [torch.ones(15)]  # 100 bytes

    memory = PromptMemory(encode, most_bytes=250)
    memory("a")[1].append("spoilt by a pipeline")
    assert len(memory("a", device=None)[1]) == 1
    assert len(memory("a")[1]) == 1
    for prompt in ("a", "b", "a", "c", "a"):
        memory(prompt)
    calls.clear()
    memory("a")
    memory("b")
    assert calls == ["b"]
    assert memory.bytes <= 250
    calls.clear()
    memory(torch.zeros(1))
    memory(torch.zeros(1))
    assert len(calls) == 2
