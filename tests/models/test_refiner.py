from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from service.settings import REFINER_CHECKPOINT

Array = NDArray[np.float32]


def shaded(alpha: Array) -> NDArray[np.uint8]:
    """A blue thing, lit from the left, on a beige ground with grain and a soft shadow to its right."""
    rng = np.random.default_rng(5)
    side = len(alpha)
    x = np.linspace(1.1, 0.6, side)[None, :, None]
    shadow = 1 - 0.45 * gaussian_filter(np.roll(alpha, (10, 24), (0, 1)), 6)[..., None]
    ground = np.array([0.75, 0.68, 0.6]) * shadow
    thing = np.array([0.15, 0.3, 0.6]) * x
    mixed = thing * alpha[..., None] + ground * (1 - alpha[..., None]) + rng.normal(0, 0.012, (side, side, 3))
    codes: NDArray[np.uint8] = np.rint(np.clip(mixed, 0, 1) * 255).astype(np.uint8)
    return codes


def ring(side: int) -> Array:
    y, x = np.mgrid[:side, :side]
    r = np.hypot(x - side / 2, y - side / 2) / side
    return np.asarray(np.clip((0.38 - r) * side, 0, 1) * np.clip((r - 0.18) * side, 0, 1), np.float32)


def test_an_untrained_network_leaves_the_mask_as_it_is() -> None:
    import torch

    from models.refiner import RefinerNetwork

    photo, mask = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64) * 0.9 + 0.05
    with torch.inference_mode():
        answer = torch.sigmoid(RefinerNetwork().eval()(photo, mask))
    assert float((answer - mask).abs().max()) < 1e-4


def test_the_shipped_network_takes_two_fifths_of_the_error_off_a_blurred_mask() -> None:
    from models.refiner import load_refiner

    refiner = load_refiner(REFINER_CHECKPOINT)
    alpha = ring(refiner.side)
    blurred = gaussian_filter(alpha, 4)
    answer = refiner(shaded(alpha), blurred)
    assert answer.shape == (refiner.side, refiner.side)
    assert np.abs(answer - alpha).mean() < 0.6 * np.abs(blurred - alpha).mean()


def test_the_same_picture_gives_the_same_mask() -> None:
    from models.refiner import load_refiner

    refiner = load_refiner(REFINER_CHECKPOINT)
    alpha = ring(refiner.side)
    one, two = (refiner(shaded(alpha), gaussian_filter(alpha, 4)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from models.refiner import load_refiner

    save_file({"other": torch.zeros(3)}, tmp_path / "refiner.safetensors")
    with pytest.raises(RuntimeError, match="state_dict"):
        load_refiner(tmp_path)
