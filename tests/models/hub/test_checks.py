"""A model that would fail at its first paid job, or never see its drawing, is refused when it is loaded."""

from pathlib import Path

import pytest

from models.hub.pipelines import MemoryChoice
from tests.lanes import rest_at_night
from tests.support.tiny_pipelines import FolderOf, load_pipeline


@pytest.mark.parametrize(
    ("name", "said"),
    rest_at_night(
        [
            ("stable-diffusion-xl-inpainting", "takes 9 channels"),
            ("FLUX.1-Fill-dev", "the mask of an inpainting model"),
        ]
    ),
)
def test_an_inpainting_model_is_refused_with_the_remedy(tiny_folder: FolderOf, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        load_pipeline(tiny_folder(name))
    assert "Name the base model" in str(refused.value)


def test_a_class_that_takes_no_picture_paints_only_where_the_operator_names_it(
    tiny_folder: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    folder = tiny_folder("stable-diffusion-v1-5-checked")
    # diffusers knows no image-to-image class for this model, and it is of no known family: its own class opens it.
    monkeypatch.setattr(
        diffusers.AutoPipelineForImage2Image,
        "from_pretrained",
        lambda *_, **__: (_ for _ in ()).throw(ValueError("AutoPipeline can't find a pipeline linked to it")),
    )
    monkeypatch.setattr("models.hub.found.family_of", lambda *_, **__: None)
    with pytest.raises(ValueError, match="StableDiffusionPipeline takes no image"):
        load_pipeline(folder)
    assert load_pipeline(folder, pipeline_class="StableDiffusionPipeline", size=64).capabilities.paints == "picture"


def test_offloading_without_a_gpu_is_refused(tiny_folder: FolderOf) -> None:
    folder = tiny_folder("stable-diffusion-v1-5")
    with pytest.raises(ValueError, match="there is nothing to offload"):
        load_pipeline(folder, memory=MemoryChoice(offload="model"))


def test_tiles_can_be_switched_on_and_pickled_weights_are_not_read(tiny_folder: FolderOf) -> None:
    folder = tiny_folder("stable-diffusion-v1-5")
    assert load_pipeline(folder, memory=MemoryChoice(vae_tiling=True))._pipe.vae.use_tiling
    with pytest.raises(ValueError, match="fp16"):
        load_pipeline(folder, memory=MemoryChoice(variant="fp16"))


def test_a_folder_of_pickles_alone_is_refused(tiny_folder: FolderOf, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    StableDiffusionPipeline.from_pretrained(tiny_folder("stable-diffusion-v1-5")).save_pretrained(
        tmp_path / "pickled", safe_serialization=False
    )
    with pytest.raises(OSError, match="safetensors"):
        load_pipeline(tmp_path / "pickled")
