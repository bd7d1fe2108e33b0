"""Whether a pipeline can paint from a drawing: asked when it is loaded, so that no job has to find out."""

import inspect
from typing import Any


def check_sees_drawing(pipe: Any, *, named: bool) -> None:
    """Raise ValueError, with the remedy, for a pipeline that would fail at its first picture or never see its drawing.

    `named`: the operator named its class, and so is taken to know that it paints from words alone.
    """
    takes, kind = inspect.signature(pipe.__call__).parameters, type(pipe).__name__
    for name, what in (("mask_image", "the mask of an inpainting model"), ("control_image", "a control picture")):
        if name in takes:
            raise ValueError(
                f"{kind} wants {what}, which is not given here. Name the base model that it was made from, or a"
                " text-to-image or image-to-image class of it."
            )
    given, taken = _channels(pipe)
    if taken not in (None, given, 4 * given):
        raise ValueError(
            f"The network of this {kind} takes {taken} channels, where its autoencoder makes {given}: the weights are"
            " those of an inpainting or an edit model. Name the base model that it was made from."
        )
    if "image" not in takes and not named:
        raise ValueError(
            f"{kind} takes no picture, so it would paint from words alone, and the product would stand in a scene that"
            f" its light and shadow were not made for. Name an image-to-image class, or name {kind} as the class where"
            " that is what you want."
        )


def _channels(pipe: Any) -> tuple[int, int | None]:
    """Return the channels of the autoencoder's latents, and those that the network takes; None where not known.

    Packed two by two, as FLUX does, latents have four times as many.
    """
    from diffusers.pipelines import auto_pipeline

    # Classes of other tasks may add channels of their own, which they fill themselves.
    plain = {kind for mapping in _mappings(auto_pipeline) for kind in mapping.values()}
    network = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    latent = getattr(getattr(getattr(pipe, "vae", None), "config", None), "latent_channels", None)
    taken = getattr(getattr(network, "config", None), "in_channels", None)
    if type(pipe) not in plain or latent is None or taken is None:
        return 0, None
    return int(latent), int(taken)


def _mappings(auto_pipeline: Any) -> list[dict[str, type]]:
    return [auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING, auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING]
