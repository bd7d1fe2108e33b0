"""Calibrate where a model's autoencoder keeps colour: python -m scripts.calibrate_colour MODEL.

The map is kept beside the other weights, where the worker looks for it. Run it on the device that the worker paints on:
the map belongs to the weights in that device's precision. Without it the worker calibrates at its first painting.
"""

from pathlib import Path

import click

from models.device import resolve_device
from models.hub.latent_colour import calibrate, file_name
from models.loading import COLOUR_MAPS, load_autoencoder
from service.settings import Settings

FIGURES = {
    "variance": "colour's variance kept by three directions",
    "srgb": "R² of a straight line from sRGB",
    "linear": "R² of a straight line from linear light",
    "lab": "R² of a straight line from Lab",
    "into": "R² of the cubic from Lab that is used",
    "back": "R² of the cubic back to Lab",
    "delta_e00": "mean ΔE00 of the colours read back",
}


@click.command()
@click.argument("model")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File; the worker's own if left out."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True)
@click.option("--dtype", type=click.Choice(["auto", "float32", "float16", "bfloat16"]), default="auto")
def main(model: str, out: Path | None, device: str, dtype: str) -> None:
    """Encode colour patches with the autoencoder of MODEL, a hub id or a folder, fit them and keep the map."""
    vae = load_autoencoder(model, device=resolve_device(device), dtype=dtype)  # type: ignore[arg-type]  # Choice's own
    try:
        colours = calibrate(vae)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    path = out or Settings().weights / COLOUR_MAPS / file_name(colours.autoencoder)
    colours.save(path)
    for name, meaning in FIGURES.items():
        click.echo(f"{colours.figures[name]:8.3f}  {meaning}")
    click.echo(f"{path}")


if __name__ == "__main__":
    main()
