"""Moves a painting while it is latents, once a run and in its low frequencies, to the colours of the drawing.

The idea is that of Pach et al., arXiv:2603.12261: a shift of latents in closed form, with no further call of the
network. Theirs stays in the colour subspace; ours reads and bounds colour there and moves all channels, for the reason
in `ColourMap.shift`. The clean latent it is measured on comes from two successive noisy ones: a first-order solver
moves along x = α·clean + σ·noise, so that two of them give the clean one.

Tried on real latents of one autoencoder's tiny twin and on small random pipelines, not with a hub model's weights.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from models.hub.latent_colour import Array, ColourMap, encoded

#: How a pipeline packs latents. "grid": B×C×h×w, scaled. "flux": two by two of them packed to one token,
#: B×N×4C, scaled. "flux2": packed alike, then normalised by the autoencoder's batch norm.
Packing = Literal["grid", "flux", "flux2"]

#: The shift is made after the first step that leaves noise no stronger than this share of signal and noise together.
#: In the 26 runs of FLUX.1 [dev] that the paper's authors publish (plain walls, 50 steps), the colour of the clean
#: latent predicted there is within ΔE00 0.6 of the final one in 95 of 100, from 0.79 on. Half is late enough for the
#: network to see the shift through the noise, and leaves it steps to work on from there.
#: Other models were not measured.
SETTLED = 0.5
#: Standard deviation of the low-pass, as a share of the grid's longer side. Texture pays for it: on a picture of
#: taef2's with a grain of 2 pixels, the grain's contrast fell to a third with a deviation of 2 cells, and with 0.6 to
#: a tenth.
BLUR = 1 / 40
#: Largest change of a place's colour, ΔE*ab.
MAX_SHIFT = 25.0


@dataclass(frozen=True)
class Levels:
    """Signal α and noise σ of the latents, as (α, σ), before a step and after it."""

    before: tuple[float, float]
    after: tuple[float, float]

    def clean(self, before: Any, after: Any) -> Any:
        """Return the clean latents that the step was made with. Raises ValueError where the step changed no level."""
        (a0, s0), (a1, s1) = self.before, self.after
        determinant = a0 * s1 - a1 * s0
        if abs(determinant) < 1e-6:
            raise ValueError("Two latents of the same noise do not tell what is behind it.")
        return (before * s1 - after * s0) / determinant

    @property
    def noise(self) -> float:
        """Share of noise in signal and noise after the step."""
        return self.after[1] / sum(self.after)


def levels(scheduler: Any, timestep: Any) -> Levels | None:
    """Return the levels of the step that `scheduler` has just made, None where two latents do not lie on one line.

    That is so for every solver that adds fresh noise, and for those of higher order that are not known here.
    """
    kind, config = type(scheduler).__name__, scheduler.config
    if kind in ("EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"):
        if config.get("stochastic_sampling"):
            return None
        index = scheduler.step_index
        s0, s1 = float(scheduler.sigmas[index - 1]), float(scheduler.sigmas[index])
        flow = kind.startswith("Flow")
        return Levels((1 - s0 if flow else 1.0, s0), (1 - s1 if flow else 1.0, s1))
    # PNDM without its Runge-Kutta start differs from DDIM in the noise that it predicts only.
    if kind == "DDIMScheduler" or (kind == "PNDMScheduler" and config.skip_prk_steps):
        now = int(timestep)
        after = now - config.num_train_timesteps // scheduler.num_inference_steps
        one = float(scheduler.alphas_cumprod[now])
        two = float(scheduler.alphas_cumprod[after] if after >= 0 else scheduler.final_alpha_cumprod)
        return Levels((one**0.5, (1 - one) ** 0.5), (two**0.5, (1 - two) ** 0.5))
    return None


def unpacked(latents: Any, vae: Any, packing: Packing, grid: tuple[int, int]) -> Any:
    """Return 1×C×h×w latents of the autoencoder itself from those of a pipeline; `grid` is h, w.

    Raises ValueError for latents of another shape.
    """
    import torch

    scale, offset = _normal(vae, packing)
    height, width = grid
    channels = vae.config.latent_channels
    packed = (1, height // 2 * (width // 2), channels * 4)
    expected = (1, channels, height, width) if packing == "grid" else packed
    if tuple(latents.shape) != expected:
        raise ValueError(f"The latents are {tuple(latents.shape)} where {expected} was expected.")
    if packing == "grid":
        return latents.float() * scale + offset
    folded = latents.float().permute(0, 2, 1).reshape(1, channels * 4, height // 2, width // 2)
    return torch.nn.functional.pixel_shuffle(folded * scale + offset, 2)


def packed(shift: Any, vae: Any, packing: Packing) -> Any:
    """Return a shift of the autoencoder's own latents, 1×C×h×w, as a shift of the pipeline's."""
    import torch

    scale, _ = _normal(vae, packing)
    if packing == "grid":
        return shift / scale
    return (torch.nn.functional.pixel_unshuffle(shift, 2) / scale).flatten(2).permute(0, 2, 1)


def normalised(latents: Any, vae: Any, packing: Packing) -> Any:
    """Return the autoencoder's own latents, 1×C×h×w, as a pipeline has them: the inverse of `unpacked`."""
    import torch

    scale, offset = _normal(vae, packing)
    if packing == "grid":
        return (latents - offset) / scale
    tokens = (torch.nn.functional.pixel_unshuffle(latents, 2) - offset) / scale
    return tokens.flatten(2).permute(0, 2, 1)


def folded(cells: Any, packing: Packing) -> Any:
    """Return 1×C×h×w in a pipeline's packing, unscaled."""
    import torch

    if packing == "grid":
        return cells
    return torch.nn.functional.pixel_unshuffle(cells, 2).flatten(2).permute(0, 2, 1)


def _normal(vae: Any, packing: Packing) -> tuple[Any, Any]:
    """Return the scale and the offset that turn a pipeline's latents into the autoencoder's own, before unpacking."""
    import torch

    if packing == "flux2":
        norm = vae.bn
        scale = torch.sqrt(norm.running_var + vae.config.batch_norm_eps)
        return scale.float().view(1, -1, 1, 1), norm.running_mean.float().view(1, -1, 1, 1)
    if vae.config.get("latents_mean") is not None:
        raise ValueError("This autoencoder scales each channel in a way of its own, which is not known here.")
    return 1 / vae.config.scaling_factor, vae.config.get("shift_factor") or 0.0


class LatentShift:
    """The shift of one run: called after each step with that step's latents, it returns those to go on with."""

    def __init__(self, colours: ColourMap, packing: Packing, vae: Any, picture: NDArray[np.float32]):
        """Take the picture whose colours are to be reached, H×W×3 sRGB in [0, 1] of the size that is painted."""
        self._colours = colours
        self._packing = packing
        target = encoded(vae, picture)
        self._grid = target.shape[:2]
        self._target = self._blurred(target)
        self._before: Any = None
        #: Share of noise in the latents that were shifted; None as long as none were.
        self.noise: float | None = None

    def __call__(self, pipe: Any, index: int, timestep: Any, latents: Any) -> Any:
        """Return the latents after step `index`, shifted if this is the step for it.

        The last step's latents are clean and are shifted as they are, where no earlier step would do: a run of one
        step, or a solver that `levels` does not know. Raises ValueError for latents of another shape than the model's.
        """
        before, self._before = self._before, latents
        if self.noise is not None:
            return latents
        last = pipe.num_timesteps - 1
        if index >= last:
            self.noise = 0.0
            return latents + self._shift(pipe, latents).to(latents)
        step = levels(pipe.scheduler, timestep)
        # PNDM makes its first step twice, from the same latents.
        first = 2 if type(pipe.scheduler).__name__ == "PNDMScheduler" else 1
        if step is None or index < first or (step.noise > SETTLED and index < last - 1):
            return latents
        self.noise = step.noise
        clean = step.clean(before.float(), latents.float())
        return latents + (step.after[0] * self._shift(pipe, clean)).to(latents)

    def _shift(self, pipe: Any, clean: Any) -> Any:
        """Return what to add to clean latents of the pipeline, as it packs them."""
        import torch

        own = unpacked(clean, pipe.vae, self._packing, self._grid)[0].permute(1, 2, 0)
        shift = self._colours.shift(self._blurred(own.cpu().numpy().astype(np.float64)), self._target, MAX_SHIFT)
        tensor = torch.from_numpy(shift).to(clean.device, torch.float32).permute(2, 0, 1)[None]
        return packed(tensor, pipe.vae, self._packing)

    def _blurred(self, image: Array) -> Array:
        """Return the low frequencies of h×w×C."""
        sigma = BLUR * max(self._grid)
        blurred: Array = gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
        return blurred
