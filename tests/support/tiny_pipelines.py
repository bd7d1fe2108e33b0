"""Real pipelines of diffusers, of the smallest size and with random weights, and the scene that they paint."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hub.generator import DiffusersGenerator
from models.loading import GeneratorChoice, load_generator
from pipeline.core.networks import Conditions, Generator, PaintRequest, painted

#: Returns the folder of a saved pipeline, by the real model's name: the fixture `tiny_folder`.
FolderOf = Callable[[str], Path]


def conditions() -> Conditions:
    """Return a wall above a floor, 48×64, lit from the left."""
    height, width = 48, 64
    sketch = np.empty((height, width, 3), np.float32)
    sketch[:30], sketch[30:] = [0.85, 0.8, 0.7], [0.3, 0.25, 0.2]
    normals = np.zeros_like(sketch)
    normals[:30, :, 2], normals[30:, :, 1] = 1, 1
    one = np.ones((height, width), np.float32)
    light = np.repeat(np.linspace(1.2, 0.4, width, dtype=np.float32)[None, :, None], height, 0) * np.ones(3, np.float32)
    return Conditions(sketch=sketch, light=light, occlusion=one, normals=normals, depth=one * 3, gloss=one * 0, lit=one)


def paint(generator: Generator, scene: Conditions | None = None, seed: int = 1) -> NDArray[np.float32]:
    return painted(generator, PaintRequest("a wall", "text", scene or conditions(), seed, lambda done: None))


def load_pipeline(model: str | Path, weights: Path | None = None, **chosen: Any) -> DiffusersGenerator:
    """Return the generator for a diffusers model."""
    generator = load_generator(GeneratorChoice(model, **chosen), weights=weights)
    assert isinstance(generator, DiffusersGenerator)
    return generator


def word_tokenizer(folder: Path) -> Any:
    """Create a real CLIP tokenizer whose vocabulary is single letters."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)


def clip_config() -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=190, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=16, bos_token_id=188, eos_token_id=189, pad_token_id=1, projection_dim=32,
    )  # fmt: skip


def unet(**options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=8, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **options,
    )  # fmt: skip


def autoencoder(**options: Any) -> Any:
    from diffusers import AutoencoderKL

    return seeing(
        AutoencoderKL(
            block_out_channels=[16, 16], latent_channels=4, norm_num_groups=1, layers_per_block=1,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2, **options,
        )
    )  # fmt: skip


def seeing(vae: Any) -> Any:
    """Make a random autoencoder decode roughly the colours of its input.

    Group norms remove flat colour unless other channels carry the mean and the spread, so half of them get a large
    constant. Residual branches are switched off. The four latents are scaled to mean 0 and spread 1, and the decoder's
    last layer is solved by least squares.
    """
    import torch
    from torch.nn.functional import interpolate, unfold

    colours = torch.rand(96, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    pictures = interpolate(colours, size=(16, 16), mode="nearest") * 2 - 1
    last = vae.decoder.conv_out
    seen: list[Any] = []
    hook = last.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        for name, weights in vae.named_parameters():
            if ".conv2." in name or ".to_out." in name:
                weights.zero_()
        for part in (vae.encoder, vae.decoder):
            part.conv_in.bias[::4], part.conv_in.bias[2::4] = 3, -3
        latents = vae.eval().encode(pictures).latent_dist.mode()
        mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        enter = vae.quant_conv
        enter.weight[:4] /= spread.view(4, 1, 1, 1)
        enter.bias[:4] = (enter.bias[:4] - mean) / spread
        vae.register_to_config(scaling_factor=1.0)
        vae.decode(vae.encode(pictures).latent_dist.mode())
        hook.remove()
        columns = unfold(seen[0], 3, padding=1).permute(0, 2, 1).flatten(0, 1).double()
        columns = torch.cat([columns, torch.ones(len(columns), 1)], 1)
        wanted = pictures.permute(0, 2, 3, 1).reshape(-1, 3).double()
        ridge = 1e-6 * len(columns) * torch.eye(columns.shape[1], dtype=torch.float64)
        solved = torch.linalg.solve(columns.T @ columns + ridge, columns.T @ wanted).float()
        last.weight.copy_(solved[:-1].T.reshape(last.weight.shape))
        last.bias.copy_(solved[-1])
    return vae


def chat_tokenizer() -> Any:
    """Create a real Qwen2 tokenizer: a vocabulary of single bytes, and the smallest chat template."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2TokenizerFast

    vocabulary = {letter: i for i, letter in enumerate(["<|endoftext|>", *sorted(ByteLevel.alphabet())])}
    tokenizer = Qwen2TokenizerFast(vocab=vocabulary, merges=[])
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return tokenizer


def qwen(layers: int) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=257, hidden_size=16, intermediate_size=16, num_hidden_layers=layers, num_attention_heads=2,
            num_key_value_heads=1, head_dim=8, max_position_embeddings=512,
        )
    )  # fmt: skip


def stable_diffusion(folder: Path) -> Any:
    from diffusers import PNDMScheduler, StableDiffusionPipeline
    from transformers import CLIPTextModel

    return StableDiffusionPipeline(
        vae=autoencoder(), text_encoder=CLIPTextModel(clip_config()), tokenizer=word_tokenizer(folder),
        unet=unet(cross_attention_dim=32),
        # as the real model has it
        scheduler=PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def stable_diffusion_xl(folder: Path, scheduler: str = "EulerDiscreteScheduler", spacing: str = "leading") -> Any:
    import diffusers
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    return diffusers.StableDiffusionXLPipeline(
        vae=autoencoder(), text_encoder=CLIPTextModel(clip_config()), tokenizer=word_tokenizer(folder),
        text_encoder_2=CLIPTextModelWithProjection(clip_config()), tokenizer_2=word_tokenizer(folder),
        unet=unet(
            cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=80,
        ),
        scheduler=getattr(diffusers, scheduler)(
            beta_schedule="scaled_linear", timestep_spacing=spacing, steps_offset=1
        ),
    )  # fmt: skip


def z_image(folder: Path) -> Any:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel

    transformer = ZImageTransformer2DModel(
        in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2, cap_feat_dim=16,
        axes_dims=[4, 6, 6], axes_lens=[640, 64, 64],
    )  # fmt: skip
    # Left as allocated, and so different in each run.
    torch.nn.init.zeros_(transformer.x_pad_token)
    torch.nn.init.zeros_(transformer.cap_pad_token)
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=autoencoder(shift_factor=0.1), text_encoder=qwen(2),
        tokenizer=chat_tokenizer(), transformer=transformer,
    )  # fmt: skip


def flux2_klein(folder: Path) -> Any:
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )

    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=seeing(
            AutoencoderKLFlux2(
                block_out_channels=(16, 16), latent_channels=4, norm_num_groups=1, layers_per_block=1,
                down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
            )
        ),
        # 27 layers: the pipeline reads the text encoder's layers 9, 18 and 27.
        text_encoder=qwen(27), tokenizer=chat_tokenizer(), is_distilled=True,
        transformer=Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
            joint_attention_dim=48, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
    )  # fmt: skip


TINY: dict[str, Callable[[Path], Any]] = {
    "stable-diffusion-v1-5": stable_diffusion,
    "sdxl-turbo": partial(stable_diffusion_xl, scheduler="EulerAncestralDiscreteScheduler", spacing="trailing"),
    "sdxl-lightning": partial(stable_diffusion_xl, spacing="trailing"),
    "Z-Image-Turbo": z_image,
    "FLUX.2-klein-4B": flux2_klein,
}
