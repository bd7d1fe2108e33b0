"""The studio page's pictures of scenes, moods and places: sample products, swapped by the real pipeline, small.

Beside each scene's lies one of its surfaces' numbers, by which the page paints it in other colours; `slots.json` has
the surfaces by their numbers (`service.api.pages.palettes`).
Made at set-up with the checkpoint that ships, and again only where what they show has changed.
"""

import hashlib
import io
import json
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from models.device import usable_cores
from pipeline.background.assigned import painted_pixels
from pipeline.colour.palette import PaletteControl
from pipeline.core.networks import Networks
from pipeline.core.spec import Mood, Preset, Scene, Spec
from pipeline.core.types import Placed
from pipeline.scene.layout import Layout
from pipeline.scene.surfaces import assigned_to
from pipeline.swap import swap
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.settings import RENDERER_CHECKPOINT, Settings

#: Width and height of a scene's and a mood's in pixels: twice what the page shows.
SIZE = (256, 320)
#: The longer side of a place's in pixels: a banner's shorter side is little more than half of it.
PLACE_SIDE = 320
#: What all of them have in common besides scene, mood and place; another number here makes them all anew.
_RECIPE = 3
_SEED = 3
#: Under which scenes and places are shown, the scene that the moods light, and the one that the places show.
_MOOD, _SCENE, _PLACE_SCENE = "natural", "podium", "window_light"
#: What stands in the scenes, so that they look as a shop does, and what lies in those seen from above. Moods and places
#: all show the bottle: there it is the light, or the shape, that is to be compared.
_STANDING, _LYING, _BOTTLE = ("bottle", "mug", "lamp", "vase", "jar", "gift"), "notebook", "bottle"
#: The sample's longer side in pixels: it fills less than that of a thumbnail.
_SAMPLE_SIDE = 450
_STAMPS, _SLOTS = "stamps.json", "slots.json"


@dataclass(frozen=True)
class _Wanted:
    name: str
    scene: Scene
    mood: Mood
    preset: Preset
    #: A sample product of `service/sample`.
    product: str
    stamp: str

    @property
    def slots(self) -> str | None:
        """The name of the picture of its surfaces' numbers; None: it is no scene's, or of a scene without surfaces."""
        return f"{self.name}-slots" if self.name.startswith("scene-") and self.scene.kind != "white" else None

    @property
    def files(self) -> list[str]:
        """The names of its pictures."""
        return [self.name] if self.slots is None else [self.name, self.slots]


@dataclass(frozen=True)
class _Made:
    picture: bytes
    #: The picture of the numbers, and the surfaces by them; None where there are none.
    numbers: bytes | None
    surfaces: list[tuple[str, str]]
    seconds: float


def make_thumbnails(settings: Settings, told: Callable[[str], None]) -> int:
    """Make what is missing or out of date in the settings' folder, drop what is of no use, and count what was made.

    `told` hears a line for each. The networks are loaded only where something is to be made. Raises what loading them
    and the pipeline raise; what was made until then is kept.
    """
    folder = settings.thumbnails
    folder.mkdir(parents=True, exist_ok=True)
    stamps, slots = _read(folder / _STAMPS), _read(folder / _SLOTS)
    wanted = list(_all_wanted(load_catalogue(settings.catalogue), _digest(RENDERER_CHECKPOINT)))
    for path in folder.glob("*.webp"):
        if path.stem not in {name for one in wanted for name in one.files}:
            path.unlink()

    def there(one: _Wanted) -> bool:
        known = one.slots is None or one.scene.name in slots
        return known and all((folder / f"{name}.webp").is_file() for name in one.files)

    due = [one for one in wanted if stamps.get(one.name) != one.stamp or not there(one)]
    if not due:
        return 0
    from service.worker.networks import open_networks  # with all that they import

    # Whatever generator the operator chose: set-up must not wait for a large model.
    shipped = {"generator": str(RENDERER_CHECKPOINT), "generator_class": None, "generation_size": None, "steps": None}
    networks = open_networks(settings.model_copy(update=shipped))

    def make(one: _Wanted) -> _Made:
        return _made(one, sample_of(one.product), networks, settings)

    # Pictures this small keep no two cores busy by their rows: one for each core.
    with ThreadPoolExecutor(usable_cores()) as pool:
        for one, made in zip(due, pool.map(make, due), strict=True):
            _replace(folder / f"{one.name}.webp", made.picture)
            if one.slots is not None and made.numbers is not None:
                _replace(folder / f"{one.slots}.webp", made.numbers)
                slots[one.scene.name] = made.surfaces
                _replace(folder / _SLOTS, json.dumps(slots, indent=1).encode())
            stamps[one.name] = one.stamp
            _replace(folder / _STAMPS, json.dumps(stamps, indent=1).encode())
            told(f"{one.name}  {made.seconds:.1f} s")
    return len(due)


def _all_wanted(catalogue: Catalogue, checkpoint: str) -> Iterator[_Wanted]:
    mood, scene, preset = catalogue.mood(_MOOD), catalogue.scene(_SCENE), catalogue.preset("instagram_portrait")
    preset = replace(_small(preset), size=SIZE, fill=0.62)
    shown = [(f"scene-{one.name}", one, mood, preset) for one in catalogue.scenes.values()]
    shown += [(f"mood-{one.name}", scene, one, preset) for one in catalogue.moods.values()]
    # What takes no scene comes out white or without a background whatever is asked.
    behind = catalogue.scene(_PLACE_SCENE)
    shown += [(f"preset-{one.name}", behind, mood, _small(one)) for one in catalogue.presets.values()]
    for name, one_scene, one_mood, one_preset in shown:
        product = product_of(one_scene) if name.startswith("scene-") else _BOTTLE
        made_of = (_RECIPE, _SEED, checkpoint, one_scene, one_mood, one_preset)
        what = repr(made_of if product == _BOTTLE else (*made_of, product))
        yield _Wanted(name, one_scene, one_mood, one_preset, product, hashlib.sha256(what.encode()).hexdigest())


def product_of(scene: Scene) -> str:
    """Return the sample product of a scene: by its name, so that a scene more or less changes no other's picture."""
    if scene.kind == "flatlay":
        return _LYING
    return _BOTTLE if scene.kind == "white" else _STANDING[zlib.crc32(scene.name.encode()) % len(_STANDING)]


def _made(wanted: _Wanted, sample: bytes, networks: Networks, settings: Settings) -> _Made:
    started = time.perf_counter()
    spec = Spec(wanted.scene, wanted.mood, (), wanted.preset, _SEED)
    layouts, products = list[Layout](), list[Placed]()
    # The scene's own colours, nearly, are enough here; bringing them nearer takes most of the time.
    control = PaletteControl(transfer=False, retries=0)
    picture = swap(
        sample,
        spec,
        networks,
        limits=settings.limits,
        clock=time.perf_counter,
        control=control,
        on_layout=layouts.append,
        on_composite=lambda placed, _: products.append(placed),
    ).data
    numbers, surfaces = None, list[tuple[str, str]]()
    if wanted.slots is not None:
        pixels = painted_pixels(layouts[0], products[0].alpha, assigned_to(spec).surfaces.get("lights"))
        surfaces, file = pixels.surfaces, io.BytesIO()
        # Red alone is read; the same in all channels weighs least.
        Image.fromarray(pixels.numbers).convert("RGB").save(file, "WEBP", lossless=True, method=6)
        numbers = file.getvalue()
    return _Made(picture, numbers, surfaces, time.perf_counter() - started)


def _small(preset: Preset) -> Preset:
    """Return the place as it is, but small and light. One that takes the photo's own size takes the sample's."""
    size = preset.size and (
        round(preset.size[0] * PLACE_SIDE / max(preset.size)),
        round(preset.size[1] * PLACE_SIDE / max(preset.size)),
    )
    return replace(preset, size=size, formats=("webp",), max_bytes=None, quality=(86, 70))


def sample_of(product: str) -> bytes:
    """Return a sample product small and with its exact alpha: there is nothing to cut out."""
    folder = files("service") / "sample"
    if product != _BOTTLE:
        return (folder / f"{product}.webp").read_bytes()
    photo = Image.open(io.BytesIO((folder / "bottle.jpg").read_bytes()))
    photo.putalpha(Image.open(io.BytesIO((folder / "bottle-alpha.png").read_bytes())))
    photo.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    photo.save(written, "PNG")
    return written.getvalue()


def _digest(checkpoint: Path) -> str:
    """Return what changes with a folder's files, but for the graphs, which are another form of what is there."""
    digest = hashlib.sha256()
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.suffix != ".onnx":
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return kept


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a service may be serving the folder."""
    new = path.with_name(f".{path.name}")
    new.write_bytes(data)
    new.replace(path)
