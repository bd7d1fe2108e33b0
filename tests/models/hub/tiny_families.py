"""Further tiny random pipelines of diffusers, and ControlNets for them: the hub models' classes besides `TINY`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.tiny_pipelines import (
    TINY,
    autoencoder,
    chat_tokenizer,
    clip_config,
    flux2_klein,
    qwen,
    stable_diffusion,
    stable_diffusion_xl,
    unet,
    word_tokenizer,
)


def checked_stable_diffusion(folder: Path) -> Any:
    """Create a Stable Diffusion with a safety checker, as the real model has it."""
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    tower = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(
            text_config={**tower, "vocab_size": 190}, vision_config={**tower, "image_size": 32, "patch_size": 8},
            projection_dim=32,
        )
    )  # fmt: skip
    seen = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    parts = stable_diffusion(folder).components
    return StableDiffusionPipeline(**{**parts, "safety_checker": checker, "feature_extractor": seen})


def stable_diffusion_xl_inpainting(folder: Path) -> Any:
    """Create an SDXL whose UNet takes a mask and the masked picture besides the latents: nine channels."""
    from diffusers import StableDiffusionXLInpaintPipeline

    parts = dict(stable_diffusion_xl(folder).components)
    parts["unet"] = unet(
        in_channels=9, cross_attention_dim=64, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
    )  # fmt: skip
    return StableDiffusionXLInpaintPipeline(**parts)


def _t5(width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=128, d_model=width, d_kv=8, d_ff=37, num_layers=1, num_heads=4))


def _t5_tokenizer() -> Any:
    """Create a real T5 tokenizer whose vocabulary is single letters."""
    from transformers import T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    return T5TokenizerFast(vocab=pieces + [(chr(code), -2.0) for code in range(33, 127)], extra_ids=0)


def stable_diffusion_3(folder: Path) -> Any:
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        SD3Transformer2DModel,
        StableDiffusion3Pipeline,
    )
    from transformers import CLIPTextModelWithProjection

    return StableDiffusion3Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        # sixteen channels, by which its inpainting class knows that it has to blend
        vae=AutoencoderKL(
            block_out_channels=[16, 16], latent_channels=16, norm_num_groups=1, layers_per_block=1, shift_factor=0.1,
            down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
        ),
        text_encoder=CLIPTextModelWithProjection(clip_config()), tokenizer=word_tokenizer(folder),
        text_encoder_2=CLIPTextModelWithProjection(clip_config()), tokenizer_2=word_tokenizer(folder),
        text_encoder_3=_t5(64), tokenizer_3=_t5_tokenizer(),
        transformer=SD3Transformer2DModel(
            # two layers: a ControlNet has no effect on the last
            sample_size=32, patch_size=2, in_channels=16, out_channels=16, num_layers=2, attention_head_dim=8,
            num_attention_heads=4, joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64,
        ),
    )  # fmt: skip


def _flux(folder: Path, kind: str, *, channels: int = 16, guidance: bool = False, **scheduler: Any) -> Any:
    import diffusers
    from transformers import CLIPTextModel

    return getattr(diffusers, kind)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(**scheduler), vae=autoencoder(shift_factor=0.1),
        text_encoder=CLIPTextModel(clip_config()), tokenizer=word_tokenizer(folder),
        text_encoder_2=_t5(32), tokenizer_2=_t5_tokenizer(),
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1, in_channels=channels, out_channels=16, num_layers=1, num_single_layers=1,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8), guidance_embeds=guidance,
        ),
    )  # fmt: skip


def flux_schnell(folder: Path) -> Any:
    return _flux(folder, "FluxPipeline", shift=1.0)


def flux_dev(folder: Path) -> Any:
    """Create a FLUX.1 whose noise depends on the picture's size."""
    return _flux(folder, "FluxPipeline", guidance=True, shift=3.0, use_dynamic_shifting=True)


def flux_kontext(folder: Path) -> Any:
    return _flux(folder, "FluxKontextPipeline", guidance=True, shift=3.0, use_dynamic_shifting=True)


def flux_fill(folder: Path) -> Any:
    return _flux(folder, "FluxFillPipeline", channels=48, guidance=True)


def qwen_image_edit(folder: Path, kind: str = "QwenImageEditPipeline") -> Any:
    """Create an edit model without its text encoder and network: a test sees how it is called; it can't be saved."""
    import diffusers

    return getattr(diffusers, kind)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=24, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1, temperal_downsample=[False, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        text_encoder=None, tokenizer=None, transformer=None, processor=None,
    )  # fmt: skip


def flux2_klein_kv(folder: Path) -> Any:
    from diffusers import Flux2KleinKVPipeline

    parts = flux2_klein(folder).components
    return Flux2KleinKVPipeline(**{name: part for name, part in parts.items() if name != "is_distilled"})


class Processor:
    """A replacement of transformers' own processor of FLUX 3's text encoder, which needs torchvision."""

    def __init__(self) -> None:
        self.tokenizer = chat_tokenizer()

    def apply_chat_template(self, *messages: Any, **options: Any) -> Any:
        return self.tokenizer.apply_chat_template(*messages, **options)


def flux3_klein() -> Any:
    """Create a FLUX 3 Image Klein without its prompt upsampler; its tokenizer can't be saved."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux3DistilledAutoBlocks,
        Flux3Transformer2DModel,
    )

    pipe = Flux3DistilledAutoBlocks().init_pipeline()
    pipe.update_components(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.93),
        vae=AutoencoderKLFlux2(
            block_out_channels=(16, 16), latent_channels=4, norm_num_groups=1, layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        ),
        # 32 layers: the pipeline reads the text encoder's layer 32.
        text_encoder=qwen(32),
        tokenizer=Processor(),
        transformer=Flux3Transformer2DModel(
            in_channels=16, cond_in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=128, axes_dims_rope=(4, 4, 4, 4), flow_map=True,
        ),
    )  # fmt: skip
    return pipe


TINY_FAMILIES: dict[str, Callable[[Path], Any]] = {
    **TINY,
    "stable-diffusion-v1-5-checked": checked_stable_diffusion,
    "stable-diffusion-xl-inpainting": stable_diffusion_xl_inpainting,
    "stable-diffusion-3.5-medium": stable_diffusion_3,
    "FLUX.1-schnell": flux_schnell,
    "FLUX.1-dev": flux_dev,
    "FLUX.1-Kontext-dev": flux_kontext,
    "FLUX.1-Fill-dev": flux_fill,
    "FLUX.2-klein-9b-kv": flux2_klein_kv,
    "Qwen-Image-Edit": qwen_image_edit,
    "Qwen-Image-Edit-2511": partial(qwen_image_edit, kind="QwenImageEditPlusPipeline"),
    "stable-diffusion-xl-base-1.0": stable_diffusion_xl,
}


def save_controlnet(folder: Path, name: str, pipe: Any) -> Path:
    """Save a ControlNet for a tiny pipeline, of a name in `TINY_FAMILIES`; return its folder."""
    import diffusers
    import torch

    torch.manual_seed(5)
    if hasattr(pipe, "unet"):
        # one halving, as in the tiny autoencoders
        net = diffusers.ControlNetModel.from_unet(pipe.unet, conditioning_embedding_out_channels=(16, 32))
    elif name.startswith("FLUX.1"):
        net = diffusers.FluxControlNetModel.from_transformer(
            pipe.transformer, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2
        )
    elif name.startswith("Z-Image"):
        net = diffusers.ZImageControlNetModel(
            control_layers_places=[0], control_in_dim=4, dim=32, n_heads=2, n_kv_heads=2, n_refiner_layers=1
        )
    else:
        net = diffusers.SD3ControlNetModel(
            sample_size=32, patch_size=2, in_channels=16, out_channels=16, num_layers=1, attention_head_dim=8,
            num_attention_heads=4, joint_attention_dim=64, caption_projection_dim=32, pooled_projection_dim=64,
        )  # fmt: skip
    with torch.no_grad():
        for weights in net.parameters():
            if not weights.any():  # those of a new ControlNet, which have no effect yet
                weights.normal_(std=0.2)
    net.save_pretrained(folder / "controlnet")
    return folder / "controlnet"
