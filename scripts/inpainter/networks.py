"""The tiny inpainter's parts, all of stock classes, and their folder: a StableDiffusionPipeline."""

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from scripts.inpainter.halving import CELL, LATENT_CHANNELS
from scripts.inpainter.pictures import SIDE

#: Pieces of words that the tokenizer knows, besides letters; width of their embeddings; the longest prompt.
PIECES, WIDTH, TOKENS = 1000, 64, 77
_START, _END = "<|startoftext|>", "<|endoftext|>"


def denoiser() -> Any:
    """Return an untrained UNet that sees what every inpainting by held latents sees: noisy latents, time and words."""
    return UNet2DConditionModel(
        sample_size=SIDE // CELL, in_channels=LATENT_CHANNELS, out_channels=LATENT_CHANNELS, layers_per_block=1,
        block_out_channels=(16, 32, 64, 96), norm_num_groups=8, cross_attention_dim=WIDTH, attention_head_dim=4,
        down_block_types=(*("DownBlock2D",) * 3, "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", *("UpBlock2D",) * 3),
    )  # fmt: skip


def text_encoder(tokenizer: Any) -> Any:
    """Return an untrained CLIPTextModel for a tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=TOKENS, projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def tokenizer(words: Iterable[str], folder: Path) -> Any:
    """Return a CLIPTokenizer whose byte pairs are those of `words`; its two files are written to `folder`.

    Where they are there, they are read: pairs that are as frequent may change places from one making to the next, and a
    network that goes on learning must meet the numbers that it knows.
    """
    vocabulary_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    if not (vocabulary_file.is_file() and merges_file.is_file()):
        _learn_pieces(words, vocabulary_file, merges_file)
    return CLIPTokenizer(str(vocabulary_file), str(merges_file), model_max_length=TOKENS)


def _learn_pieces(words: Iterable[str], vocabulary_file: Path, merges_file: Path) -> None:
    """Write the byte pairs of `words` and their numbers."""
    vocabulary_file.parent.mkdir(parents=True, exist_ok=True)
    learned = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    learned.normalizer = normalizers.Lowercase()
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=True)]
    )
    # every letter, so that no word is beyond it
    letters = [chr(code) for code in range(33, 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=PIECES, end_of_word_suffix="</w>", initial_alphabet=letters, show_progress=False
    )
    learned.train_from_iterator(words, trainer)
    merges = [tuple(pair) for pair in json.loads(learned.to_str())["model"]["merges"]]
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += [piece for piece in dict.fromkeys(one + two for one, two in merges) if piece not in set(pieces)]
    vocabulary = {piece: number for number, piece in enumerate([*pieces, _START, _END])}
    merges_file.write_text("#version: 0.2\n" + "".join(f"{one} {two}\n" for one, two in merges))
    vocabulary_file.write_text(json.dumps(vocabulary))  # last: both are read only where both are there


def scheduler() -> Any:
    """Return the schedule of noise: Stable Diffusion's, its network answering velocities."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def save(folder: Path, vae: Any, unet: Any, encoder: Any, words: Any) -> None:
    """Write the pipeline's folder in half precision; the networks themselves stay as they are."""
    vae, unet, encoder = (copy.deepcopy(network).half() for network in (vae, unet, encoder))
    pipe = StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=encoder, tokenizer=words, scheduler=scheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder)


def parameters(*networks: Any) -> int:
    """Return how many numbers networks have learned."""
    return sum(parameter.numel() for network in networks for parameter in network.parameters())
