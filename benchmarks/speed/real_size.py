"""Measure the model families at their real size on a CUDA device, with random weights.

    python benchmarks/speed/real_size.py [--family SDXL-Lightning] [--batch 1 --batch 2 --batch 4 --batch 8] [--compile]

Time does not depend on the weights' values, so no weights are needed. A family's transformer or UNet and its
autoencoder have their real configurations, and run with the family's steps, guidance, precision and size. Prompts are
embeddings of the real shapes, as with cached embeddings. The network that ships runs with its weights. For each batch
the table has the seconds of a call, pictures a minute, and memory. It also has the share of the time in which a kernel
ran, and the number of graphs that were compiled again after the warm-up.
"""

import gc
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Measured, Recorder, record_option
from models.hub.families import FAMILIES, Family
from models.hub.start import schedule
from models.loading import GeneratorChoice, load_generator
from pipeline.core.networks import Conditions, PaintRequest
from service.settings import RENDERER_CHECKPOINT

#: Tokens of a prompt's embedding in families with long prompts.
TOKENS = 128


@dataclass(frozen=True)
class Real:
    """A pipeline, and its prompt arguments for a batch of a given size."""

    pipe: Any
    prompts: Callable[[int], dict[str, Any]]
    #: Attribute of the part whose blocks are compiled.
    part: str


def autoencoder(channels: int, *, small: bool, **options: Any) -> Any:
    """Return an autoencoder of Stable Diffusion's shape with this number of latent channels."""
    from diffusers import AutoencoderKL

    widths = (32, 32, 32, 32) if small else (128, 256, 512, 512)
    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=channels,
        sample_size=1024,
        **options,
    )


def sdxl(family: Family, *, small: bool) -> Real:
    """Return SDXL with 2.6 billion parameters; `small`: the same parts with few channels."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline, UNet2DConditionModel

    width, words = (32, 64) if small else (320, 2048)
    pooled = 32 if small else 1280
    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(width, 2 * width, 4 * width),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 1) if small else (1, 2, 10),
        attention_head_dim=(2, 2, 4) if small else (5, 10, 20),
        cross_attention_dim=words,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8 if small else 256,
        projection_class_embeddings_input_dim=pooled + 6 * (8 if small else 256),
    )
    pipe = StableDiffusionXLImg2ImgPipeline(
        vae=autoencoder(4, small=small, scaling_factor=0.13025),
        text_encoder=None,
        text_encoder_2=None,
        tokenizer=None,
        tokenizer_2=None,
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_schedule="scaled_linear", timestep_spacing=family.spacing or "leading", steps_offset=1
        ),
        add_watermarker=False,
    )

    def prompts(many: int) -> dict[str, Any]:
        words_of = torch.randn(many, 77, words), torch.randn(many, pooled)
        named = {"prompt_embeds": words_of[0], "pooled_prompt_embeds": words_of[1]}
        return named | {f"negative_{name}": value * 0 for name, value in named.items()}

    return Real(pipe, prompts, "unet")


def flux(family: Family, *, small: bool) -> Real:
    """Return FLUX.1 [schnell] with 12 billion parameters."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxImg2ImgPipeline, FluxTransformer2DModel

    words, pooled = (32, 32) if small else (4096, 768)
    few: dict[str, Any] = {"num_layers": 1, "num_single_layers": 1, "num_attention_heads": 2, "attention_head_dim": 16}
    few |= {"joint_attention_dim": words, "pooled_projection_dim": pooled, "axes_dims_rope": (4, 4, 8)}
    pipe = FluxImg2ImgPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(16, small=small, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=None,
        tokenizer_2=None,
        transformer=FluxTransformer2DModel(**(few if small else {})),
    )
    return Real(
        pipe,
        lambda many: {
            "prompt_embeds": torch.randn(many, TOKENS, words),
            "pooled_prompt_embeds": torch.randn(many, pooled),
        },
        "transformer",
    )


def sd3(family: Family, *, small: bool) -> Real:
    """Return Stable Diffusion 3 medium with 2 billion parameters."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Img2ImgPipeline

    words, pooled = (32, 32) if small else (4096, 2048)
    layers, heads, width = (1, 2, 8) if small else (24, 24, 64)
    transformer = SD3Transformer2DModel(
        sample_size=128,
        num_layers=layers,
        num_attention_heads=heads,
        attention_head_dim=width,
        joint_attention_dim=words,
        caption_projection_dim=heads * width,
        pooled_projection_dim=pooled,
        pos_embed_max_size=192,
        out_channels=16,
    )
    nothing = dict.fromkeys(f"{part}{n}" for part in ("text_encoder", "tokenizer") for n in ("", "_2", "_3"))
    pipe = StableDiffusion3Img2ImgPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(16, small=small, scaling_factor=1.5305, shift_factor=0.0609),
        **nothing,
    )

    def prompts(many: int) -> dict[str, Any]:
        named = {
            "prompt_embeds": torch.randn(many, 77 + TOKENS, words),
            "pooled_prompt_embeds": torch.randn(many, pooled),
        }
        return named | {f"negative_{name}": value * 0 for name, value in named.items()}

    return Real(pipe, prompts, "transformer")


def z_image(family: Family, *, small: bool) -> Real:
    """Return Z-Image-Turbo with 6 billion parameters."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImageImg2ImgPipeline, ZImageTransformer2DModel

    words = 16 if small else 2560
    few: dict[str, Any] = {
        "dim": 32,
        "n_layers": 1,
        "n_refiner_layers": 1,
        "n_heads": 2,
        "n_kv_heads": 2,
        "cap_feat_dim": words,
    }
    few |= {"axes_dims": [4, 6, 6], "axes_lens": [1024, 512, 512]}
    transformer = ZImageTransformer2DModel(**(few if small else {}))
    # Allocated without initial values, which may be NaN.
    torch.nn.init.zeros_(transformer.x_pad_token)
    torch.nn.init.zeros_(transformer.cap_pad_token)
    pipe = ZImageImg2ImgPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(16, small=small, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=None,
        tokenizer=None,
        transformer=transformer,
    )
    return Real(
        pipe,
        lambda many: {
            "prompt_embeds": [torch.randn(TOKENS, words) for _ in range(many)],
            "negative_prompt_embeds": [],
        },
        "transformer",
    )


_BUILDERS = {
    "SDXL": sdxl,
    "SDXL-Lightning": sdxl,
    "Stable Diffusion 3": sd3,
    "FLUX.1 [schnell]": flux,
    "Z-Image-Turbo": z_image,
}
BUILT: dict[str, tuple[Family, Callable[..., Real]]] = {
    family.name: (family, _BUILDERS[family.name]) for family in FAMILIES if family.name in _BUILDERS
}


def family_call(name: str, *, device: str, compiled: bool = False, small: bool = False) -> Callable[[int], Any]:
    """Return a function that paints a batch with a family's settings; `small`: few channels, to try it on a CPU."""
    import torch

    family, build = BUILT[name]
    dtype = getattr(torch, family.dtype) if device == "cuda" else torch.float32
    real = build(family, small=small)
    pipe = real.pipe.to(device, dtype)
    pipe.set_progress_bar_config(disable=True)
    if compiled:
        getattr(pipe, real.part).compile_repeated_blocks(fullgraph=True)
    side = 64 if small else family.size
    steps, strength = schedule(1 if small else family.steps, family.strength or 1.0)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3)).astype(np.uint8))

    def moved(value: Any) -> Any:
        return [one.to(device, dtype) for one in value] if isinstance(value, list) else value.to(device, dtype)

    def call(many: int) -> Any:
        sized = {} if "XL" in name else {"width": side, "height": side}
        return pipe(
            image=[picture] * many,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in range(many)],
            num_inference_steps=steps,
            strength=strength,
            guidance_scale=family.guidance_scale,
            output_type="np",
            **sized,
            **{key: moved(value) for key, value in real.prompts(many).items()},
        ).images

    return call


def shipped_call(*, device: str) -> Callable[[int], Any]:
    """Return a function that lights a batch of scenes with the network that ships."""
    generator = load_generator(GeneratorChoice(RENDERER_CHECKPOINT), device=device)  # type: ignore[arg-type]  # one of the three names
    height, width = generator.capabilities.size, round(0.8 * generator.capabilities.size)
    rng = np.random.default_rng(0)

    def field(*channels: int) -> Any:
        return rng.uniform(0.1, 1, (height, width, *channels)).astype(np.float32)

    scene = Conditions(field(3), field(3), field(), field(3), field() + 2, field(), field() * 0 + 1)
    request = PaintRequest("", "", scene, 1, lambda done: None)
    return lambda many: generator.paint([request] * many)


@dataclass(frozen=True)
class Timed:
    """A batch: its size, median seconds of a call, the share of time in which a kernel ran, and peak GiB."""

    many: int
    seconds: float
    busy: float
    memory: float
    #: Graphs that were compiled again after the warm-up.
    again: int

    @property
    def cells(self) -> list[str]:
        """The table's cells."""
        pictures = f"{60 * self.many / self.seconds:.1f}"
        return [
            str(self.many),
            f"{self.seconds:.3f}",
            pictures,
            f"{self.busy:.0%}",
            f"{self.memory:.1f} GiB",
            str(self.again),
        ]

    def recorded(self, network: str) -> Iterator[Measured]:
        """Yield the figures."""
        name = f"{re.sub('[^a-z0-9]+', '-', network.lower()).strip('-')}-{self.many}"
        of = f"{network} at its real size, batches of {self.many}"
        yield Measured(f"{name}-pictures", f"Pictures a minute, {of}", 60 * self.many / self.seconds, "pictures/min")
        yield Measured(f"{name}-memory", f"Most GPU memory, {of}", self.memory, "GiB")


def timed(call: Callable[[int], Any], many: int, runs: int) -> Timed:
    """Warm up, then time calls. Needs a CUDA device."""
    import torch
    from torch._dynamo.utils import counters

    for _ in range(2):
        call(many)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    graphs = counters["stats"]["unique_graphs"]
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        call(many)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        started = time.perf_counter()
        call(many)
        torch.cuda.synchronize()
        lasted = time.perf_counter() - started
    busy = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / lasted
    middle = statistics.median(seconds)
    memory = torch.cuda.max_memory_allocated() / 2**30
    again = counters["stats"]["unique_graphs"] - graphs
    return Timed(many, middle, busy, memory, again)


@click.command(help=__doc__)
@click.option(
    "--family", "names", multiple=True, type=click.Choice(list(BUILT)), help="Family; repeat for several. Default: all."
)
@click.option("--batch", "batches", multiple=True, default=(1, 2, 4, 8), show_default=True, type=click.IntRange(1))
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1))
@click.option("--compile", "compiled", is_flag=True, help="Compile the repeated blocks.")
@record_option
def main(
    names: tuple[str, ...], batches: tuple[int, ...], runs: int, compiled: bool, recorder: Recorder | None
) -> None:
    """Measure each family and print a table."""
    import torch

    if not torch.cuda.is_available():
        raise click.ClickException("torch finds no CUDA device. Run this on a machine with an NVIDIA GPU.")
    columns = ("network", "batch", "seconds a call", "pictures/min", "kernels ran", "memory", "compiled again")
    table = Table(*columns, title=torch.cuda.get_device_name())
    calls: dict[str, Callable[[], Callable[[int], Any]]] = {
        name: lambda name=name: family_call(name, device="cuda", compiled=compiled)  # type: ignore[misc]  # mypy can't type a default
        for name in names or BUILT
    }
    if not names:
        calls["the network that ships"] = lambda: shipped_call(device="cuda")
    measured: list[Measured] = []
    for name, build in calls.items():
        call = build()
        for many in batches:
            try:
                found = timed(call, many, runs)
                table.add_row(name, *found.cells)
                measured += found.recorded(name)
            except torch.OutOfMemoryError:
                table.add_row(name, str(many), "out of memory")
                break
        del call
        gc.collect()
        torch.cuda.empty_cache()
    Console(width=130).print(table)
    if recorder:
        recorder.write("speed", measured)


if __name__ == "__main__":
    sys.exit(main())
