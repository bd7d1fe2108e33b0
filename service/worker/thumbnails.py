"""The studio page's thumbnails of scenes, moods and presets: sample products, swapped by the real pipeline.

Those of the catalogue that ships are files of the repository (`scripts/thumbnails.py`). An operator's own entries get
theirs from `backdrop thumbnails`.
Each shared scene also has a picture of its surfaces' numbers, with which the page recolours it. `slots.json` has the
surfaces by number (`service.api.pages.studio`).
"""

import hashlib
import io
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from models.device import usable_cores
from models.weights import weights_digest
from pipeline.background.assigned import painted_pixels
from pipeline.colour.palette import PaletteControl
from pipeline.core.networks import Networks
from pipeline.core.spec import Mood, Preset, Scene, Spec
from pipeline.core.types import Placed
from pipeline.scene.layout import Layout
from pipeline.swap import swap
from service.catalogue.catalogue import Catalogue, load_catalogue, own_picture
from service.settings import RENDERER_CHECKPOINT, SHIPPED_THUMBNAILS, Settings

#: Width and height in pixels of thumbnails of scenes and moods: twice the size on the page.
SIZE = (256, 320)
#: The longer side in pixels of a preset's thumbnail. A banner's shorter side is a little more than half of it.
PLACE_SIDE = 320
#: WebP's quality. A delivered picture's keeps its product within limits of colour, and is four times as large.
_QUALITY = 85
#: Version of how thumbnails are made. Another number makes all of them again.
_RECIPE = 4
#: The mood of scenes and presets, the scene of moods, and the scene of presets.
_MOOD, _SCENE, _PLACE_SCENE = "natural", "podium", "window_light"
#: Products that stand in the scenes, as in a shop, and that lie flat in scenes seen from above. Moods and presets all
#: show the bottle, so that only light or shape differ.
_STANDING, _LYING, _BOTTLE = ("bottle", "mug", "lamp", "vase", "jar", "gift"), "notebook", "bottle"
STAMPS, _SLOTS = "stamps.json", "slots.json"
#: A thumbnail's name, what it shows, and whether all clients see it.
_Entry = tuple[str, Scene | Mood | Preset, bool]


@dataclass(frozen=True)
class _Wanted:
    name: str
    scene: Scene
    mood: Mood
    preset: Preset
    #: Name of a sample product in `service/sample`.
    product: str
    stamp: str
    #: Name of the picture of its surfaces' numbers, or None if it is not a shared scene with surfaces.
    slots: str | None

    @property
    def files(self) -> list[str]:
        """Names of its pictures."""
        return [self.name] if self.slots is None else [self.name, self.slots]


#: Its picture, the picture of the surfaces' numbers, None without surfaces, and the surfaces.
_Made = tuple[bytes, bytes | None, list[tuple[str, str]]]


def make_thumbnails(settings: Settings, say: Callable[[str], None]) -> int:
    """Make missing and outdated thumbnails in the settings' folder, delete unused ones, and return the number made.

    These are of the entries that do not ship, or of all that ship in their own folder. `say` gets a line for each.
    Loads the networks only if there is work. Raises the errors of loading them and of the pipeline. Thumbnails that
    were made until then stay.
    """
    folder = settings.thumbnails
    folder.mkdir(parents=True, exist_ok=True)
    stamps, slots = _read(folder / STAMPS), _read(folder / _SLOTS)
    entries = _shipped() if folder == SHIPPED_THUMBNAILS else _own(load_catalogue(settings.catalogue))
    wanted = list(_wanted(entries))
    for path in folder.glob("*.webp"):
        if path.stem not in {name for one in wanted for name in one.files}:
            path.unlink()
    there = {path.stem for path in folder.glob("*.webp")}
    due = [one for one in wanted if stamps.get(one.name) != one.stamp or not there.issuperset(one.files)]
    if not due:
        return 0
    from service.worker.networks import open_networks  # late, because of its own imports

    # With the shipped generator, so that set-up does not wait for a large model.
    shipped = {"generator": str(RENDERER_CHECKPOINT), "generator_class": None, "generation_size": None, "steps": None}
    networks = open_networks(settings.model_copy(update=shipped))

    # Such small pictures can't keep two cores busy with their rows, so use one thread for each core.
    with ThreadPoolExecutor(usable_cores()) as pool:
        made = pool.map(lambda one: _made(one, networks, settings), due)
        for one, (picture, numbers, surfaces) in zip(due, made, strict=True):
            _replace(folder / f"{one.name}.webp", picture)
            if one.slots is not None and numbers is not None:
                _replace(folder / f"{one.slots}.webp", numbers)
                slots[one.scene.name] = surfaces
                _replace(folder / _SLOTS, json.dumps(slots, indent=1).encode())
            stamps[one.name] = one.stamp
            _replace(folder / STAMPS, json.dumps(stamps, indent=1).encode())
            say(one.name)
    return len(due)


def _shipped() -> Iterator[_Entry]:
    return ((name, entry, True) for name, entry in load_catalogue().pictured())


def _own(catalogue: Catalogue) -> Iterator[_Entry]:
    """Yield the entries that do not ship, each once."""
    known = {own_picture(entry) for _, entry, _ in _shipped()}
    for those in (catalogue, *catalogue.clients.values()):
        for _, entry in those.pictured():
            if (name := own_picture(entry)) not in known:
                known.add(name)
                yield name, entry, those is catalogue


def _wanted(entries: Iterable[_Entry]) -> Iterator[_Wanted]:
    """Yield how the thumbnails of entries are made: with the moods, scenes and presets that ship."""
    catalogue, checkpoint = load_catalogue(), weights_digest(RENDERER_CHECKPOINT)
    mood, scene, preset = catalogue.mood(_MOOD), catalogue.scene(_SCENE), catalogue.preset("instagram_portrait")
    preset = replace(_small(preset), size=SIZE, fill=0.62)
    # Presets without a scene come out white or transparent with any scene.
    behind = catalogue.scene(_PLACE_SCENE)
    for name, one, shared in entries:
        product = _BOTTLE
        if isinstance(one, Scene):
            product, shown = product_of(one), (one, mood, preset)
        else:
            shown = (scene, one, preset) if isinstance(one, Mood) else (behind, mood, _small(one))
        what = repr((_RECIPE, checkpoint, *shown, product))
        numbered = shared and isinstance(one, Scene) and one.kind != "white"
        stamp = hashlib.sha256(what.encode()).hexdigest()
        yield _Wanted(name, *shown, product, stamp, f"{name}-slots" if numbered else None)


def product_of(scene: Scene) -> str:
    """Return the sample product of a scene, by its name only, so that new scenes do not change other thumbnails."""
    if scene.kind == "flatlay":
        return _LYING
    return _BOTTLE if scene.kind == "white" else _STANDING[zlib.crc32(scene.name.encode()) % len(_STANDING)]


def _made(wanted: _Wanted, networks: Networks, settings: Settings) -> _Made:
    spec = Spec(
        wanted.scene, wanted.mood, (), wanted.preset, zlib.crc32(wanted.scene.name.encode())
    )  # so that not all have the same props
    layouts, products = list[Layout](), list[Placed]()
    # The scene's approximate colours are enough. Matching them exactly takes most of the time.
    control = PaletteControl(transfer=False, retries=0)
    delivered = swap(
        sample_of(wanted.product),
        spec,
        networks,
        limits=settings.limits,
        clock=time.perf_counter,
        control=control,
        on_layout=layouts.append,
        on_composite=lambda placed, _: products.append(placed),
    ).data
    picture, numbers, surfaces = io.BytesIO(), None, list[tuple[str, str]]()
    Image.open(io.BytesIO(delivered)).save(picture, "WEBP", quality=_QUALITY, method=6)
    if wanted.slots is not None:
        pixels = painted_pixels(layouts[0], products[0].alpha)
        surfaces, file = pixels.surfaces, io.BytesIO()
        # The page reads only the red channel. Equal channels make the smallest file.
        Image.fromarray(pixels.numbers).convert("RGB").save(file, "WEBP", lossless=True, method=6)
        numbers = file.getvalue()
    return picture.getvalue(), numbers, surfaces


def _small(preset: Preset) -> Preset:
    """Return the preset with a small picture and file. A preset with the photo's own size gets the sample's."""
    size = preset.size and (
        round(preset.size[0] * PLACE_SIDE / max(preset.size)),
        round(preset.size[1] * PLACE_SIDE / max(preset.size)),
    )
    return replace(preset, size=size, formats=("png",), max_bytes=None)


def sample_of(product: str) -> bytes:
    """Return a small sample product with its exact alpha, so that nothing needs to be cut out."""
    return (files("service") / "sample" / f"{product}.webp").read_bytes()


def _read(path: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return kept


def _replace(path: Path, data: bytes) -> None:
    """Write a file completely or not at all, because a service may be serving the folder."""
    new = path.with_name(f".{path.name}")
    new.write_bytes(data)
    new.replace(path)
