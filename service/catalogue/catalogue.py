"""The named scenes, moods and output presets, read from the shipped TOML files and the operator's."""

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pipeline.core.order import SwapOrder
from pipeline.core.spec import Finish, Mood, Preset, PropName, Scene, SceneKind
from pipeline.lettering.fonts import Fonts
from service.catalogue.templates import TEMPLATE, Template, bundled_fonts, read_fonts, template_faults
from service.catalogue.toml_records import CatalogueInvalid, Record, read_records, record_to_json
from service.catalogue.words import Named, load_words

FILES = ("scenes.toml", "moods.toml", "presets.toml")
#: Sub-folder of a catalogue folder with a folder for each catalogue of a client's own.
CLIENTS = "clients"
_PARTS = (*FILES, "layers.toml", "fonts", CLIENTS)
#: Maximum length of a scene or mood in free text, in characters.
MAX_TEXT = 120

# Kinds that draw the surface which a text names. Others keep their own.
_SURFACED: tuple[SceneKind, ...] = ("tabletop", "flatlay", "window", "bokeh")
# Kinds without props beside the product.
_BARE: tuple[SceneKind, ...] = ("white", "sand")


class CatalogueMissing(LookupError):
    """Raised when a client's own catalogue `name` was not there when the process started."""


@dataclass(frozen=True)
class Catalogue:
    """All scenes, moods and presets that a request may name, keyed by their published names."""

    scenes: Mapping[str, Scene]
    moods: Mapping[str, Mood]
    presets: Mapping[str, Preset]
    templates: Mapping[str, Template] = field(default_factory=dict)
    #: Files of fonts by their paths, in addition to the bundled fonts.
    font_files: Mapping[str, bytes] = field(default_factory=dict)
    #: The catalogues of clients by their folder's name: the entries above, replaced and followed by the folder's.
    clients: Mapping[str, "Catalogue"] = field(default_factory=dict)

    def of(self, folder: str | None) -> "Catalogue":
        """Return the catalogue of clients with this folder; None: this one. Raises CatalogueMissing."""
        if folder is not None and folder not in self.clients:
            raise CatalogueMissing(folder)
        return self if folder is None else self.clients[folder]

    @cached_property
    def fonts(self) -> Fonts:
        """The fonts that layers may name."""
        return bundled_fonts().with_files(self.font_files)

    @cached_property
    def every_font(self) -> Fonts:
        """The fonts of all clients too, for workers. A name means the same font for all."""
        more = chain(*(one.font_files.items() for one in (self, *self.clients.values())))
        return bundled_fonts().with_files(dict(more))

    def lettered(self, order: SwapOrder) -> SwapOrder:
        """Return the order with a template's layers in place of its name, unless there is no such template."""
        name = order.lettering.layers.removeprefix(TEMPLATE)
        found = None if name == order.lettering.layers else _named(self.templates, name)
        return order if found is None else order.having({"layers": found.layers})

    def pictured(self) -> Iterator[tuple[str, Scene | Mood | Preset]]:
        """Yield each entry with the name of its thumbnail, such as scene-podium."""
        for kind, entries in (("scene", self.scenes), ("mood", self.moods), ("preset", self.presets)):
            yield from ((f"{kind}-{name}", entry) for name, entry in entries.items())

    @property
    def summary(self) -> str:
        """What it contains, in words."""
        names = ("scenes", "moods", "presets", "templates", "font_files")
        counted = ", ".join(f"{len(getattr(self, name))} {name.replace('_', ' ')}" for name in names)
        return counted + (f"; clients: {', '.join(self.clients)}" if self.clients else "")

    def scene(self, text: str) -> Scene:
        """Return the named scene, or a scene made from free text. Raises ValueError for unusable text."""
        named = _named(self.scenes, text)
        if named is not None:
            return named
        words = _free_text(text)
        nearest, colours = self.nearest(words), load_words().read(words)[0]["colors"]
        return replace(
            nearest,
            name=words,
            title=words,
            description="A scene in the caller's own words.",
            prompt=f'a setting for a product photograph that fits the description "{quotable(words)}"',
            palette=tuple(colours) or nearest.palette,
        )

    def nearest(self, text: str) -> Scene:
        """Return the scene nearest to free text: the first place that it names, in the material that it names."""
        words, (named, _) = load_words(), load_words().read(text)
        keys = (key for key in words.tables["places"] if key in named["places"])
        place = next((self.scenes[key] for key in keys if key in self.scenes), None)
        finish = cast(Finish | None, next(iter(named["materials"]), None))  # `Words.faults` has checked it
        if finish is not None and (place is None or place.kind in _SURFACED):
            made = [scene for scene in self.scenes.values() if finish in (scene.surface, scene.wall)]
            made.sort(key=lambda scene: scene.surface != finish)
            sure = None if place is None else (place.kind, place.far, finish)
            same = [scene for scene in made if sure in (None, (scene.kind, scene.far, scene.surface))]
            if same:
                place = same[0]
            elif place is not None:
                place = replace(place, surface=finish, palette=(made or [place])[0].palette)
        return place or self.scenes.get("studio_sweep") or Scene("sweep", "Sweep", "-", "-", "sweep")

    def lacking(self, scene: str, mood: str) -> list[str]:
        """Return what a scene in free text names and its picture lacks, as `palm trees: none`."""
        drawn, (named, lacking) = self.nearest(scene), load_words().read(scene)
        kinds = {phrase: self.scenes[key].kind for key, phrase in named["places"].items() if key in self.scenes}
        absent = [*lacking, *(phrase for phrase, kind in kinds.items() if kind not in (drawn.kind, "tabletop"))]
        for finish, phrase in named["materials"].items():
            absent += [phrase] * (finish not in (drawn.surface, drawn.wall))
        absent += named["props"].values() if drawn.kind in _BARE else ()
        others = [phrase for key, phrase in named["moods"].items() if mood in self.moods and key != mood]
        return [*(f"{phrase}: none" for phrase in absent), *(f"{phrase}: the mood is {mood}" for phrase in others)]

    def mood(self, text: str, scene: str = "", style: Sequence[str] = ()) -> Mood:
        """Return the named mood, or the `nearest_mood` to free text with that text.

        The props that a `scene` in free text names, or else a brand's `style` words, replace the mood's. Raises
        ValueError for unusable text.
        """
        found = _named(self.moods, text)
        if found is None:
            words = _free_text(text)
            found = replace(
                self.nearest_mood(words, scene) or Mood("", "", "", ""),
                name=words,
                title=words,
                description="A mood in the caller's own words.",
                prompt=f'an atmosphere that fits the description "{quotable(words)}"',
            )
        named = self._described(scene)["props"] or load_words().read(", ".join(style))[0]["props"]
        props = cast(tuple[PropName, ...], tuple(named))  # `Words.faults` has checked them
        return replace(found, props=props) if props else found

    def nearest_mood(self, text: str, scene: str) -> Mood | None:
        """Return the mood that free text names, else the mood that a `scene` in free text names; None: none."""
        keys = (*load_words().read(text)[0]["moods"], *self._described(scene)["moods"])
        return next((self.moods[key] for key in keys if key in self.moods), None)

    def _described(self, scene: str) -> Named:
        """Return what a scene in free text names; a scene's name is no such text."""
        return load_words().read("" if _named(self.scenes, scene) else scene)[0]

    def preset(self, name: str) -> Preset:
        """Return the named preset. Raises KeyError; `nearest_presets` suggests names."""
        found = _named(self.presets, name)
        if found is None:
            raise KeyError(name)
        return found

    def nearest_presets(self, name: str, n: int = 3) -> list[str]:
        """Return the `n` preset names most similar to `name`, best first, however dissimilar they are."""
        asked = fold(name[:MAX_TEXT])
        scores = {key: difflib.SequenceMatcher(None, asked, fold(key)).ratio() for key in self.presets}
        return sorted(scores, key=lambda key: (-scores[key], key))[:n]

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the catalogue for the API, under scene_types, moods and output_presets."""
        return {
            "scene_types": [
                _listed(scene) | {"kind": scene.kind, "palette": list(scene.palette)} for scene in self.scenes.values()
            ],
            "moods": [_listed(mood) for mood in self.moods.values()],
            "output_presets": [preset_json(preset) for preset in self.presets.values()],
        }


@cache  # validation takes longer than storing an order
def load_catalogue(own: Path | None = None) -> Catalogue:
    """Read and validate the catalogue: the shipped entries, which entries of the folder `own` replace or extend.

    Raises CatalogueInvalid with all faults of all files.
    """
    shipped = files("service.catalogue")
    scenes, moods, presets = ((shipped / name).read_text("utf-8") for name in FILES)
    catalogue = parse_catalogue(scenes=scenes, moods=moods, presets=presets)
    if unknown := [*load_words().faults(catalogue.scenes, catalogue.moods)]:
        raise CatalogueInvalid(unknown)
    if own is None:
        return catalogue
    faults = list[str]()
    shared = _with_folder(catalogue, own, _PARTS, faults)
    folders = sorted(own.glob(f"{CLIENTS}/[!.]*/"))  # Kubernetes keeps hidden folders beside mounted files
    clients = {folder.name: _with_folder(shared, folder, _PARTS[:-1], faults) for folder in folders}
    wrong = (name for name in clients if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name))
    faults += [f"{own / CLIENTS / name}: bad name. Use 1 to 64 lower case letters, digits, _ and -." for name in wrong]
    whole = replace(shared, clients=clients)
    faults += [f"{own}/{one}" for one in _font_clashes(whole)]
    if faults:
        raise CatalogueInvalid(list(dict.fromkeys(faults)))
    return whole


def _with_folder(under: Catalogue, folder: Path, parts: Sequence[str], faults: list[str]) -> Catalogue:
    """Return a catalogue, replaced and followed by the entries of a folder, which may contain `parts`."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        faults.append(f"{folder}: {error.strerror}. Name a folder that Backdrop can read.")
        return under
    for name in names:
        near = difflib.get_close_matches(name.lower(), parts, 1, cutoff=0.75)
        if name not in parts and (near or name.lower().endswith(".toml")):
            remedy = f"Did you mean {near[0]}?" if near else "Remove it."
            faults.append(f"{folder / name}: unknown name. {remedy} This folder takes {', '.join(parts)}.")
    if not set(names) & set(parts):
        faults.append(f"{folder}: an empty catalogue. Put at least one of {', '.join(parts)} there.")
    merged = replace(
        under,
        scenes=_over(under.scenes, folder / "scenes.toml", Scene, faults),
        moods=_over(under.moods, folder / "moods.toml", Mood, faults),
        presets=_over(under.presets, folder / "presets.toml", Preset, faults),
        templates=_over(under.templates, folder / "layers.toml", Template, faults),
        font_files={**under.font_files, **read_fonts(folder / "fonts", faults)},
    )
    before = list(_contradictions(under))
    faults += [f"{folder}/{one}" for one in _contradictions(merged) if one not in before]
    return merged


def _over(under: Mapping[str, Record], path: Path, kind: type[Record], faults: list[str]) -> Mapping[str, Record]:
    """Return the records, replaced and followed by those of a file if it exists."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return under
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path}: can't be read: {error}. Make it a UTF-8 file that Backdrop's user can read.")
        return under
    own = _by_name(str(path), read_records(str(path), text, kind, faults), faults)
    return _by_name(str(path), list({**under, **own}.values()), faults)


def parse_catalogue(*, scenes: str, moods: str, presets: str) -> Catalogue:
    """Return the catalogue of three TOML texts with `[[scene]]`, `[[mood]]`, `[[preset]]`. Raises CatalogueInvalid."""
    faults = list[str]()

    def named(file: str, text: str, kind: type[Record]) -> Mapping[str, Record]:
        return _by_name(file, read_records(file, text, kind, faults), faults)

    made = Catalogue(
        named("scenes.toml", scenes, Scene), named("moods.toml", moods, Mood), named("presets.toml", presets, Preset)
    )
    faults += _contradictions(made)
    if faults:
        raise CatalogueInvalid(faults)
    return made


def _contradictions(read: Catalogue) -> Iterator[str]:
    """Yield a sentence for each entry that does not fit the others."""
    if "white" in read.scenes and (kind := read.scenes["white"].kind) != "white":
        yield f"scenes.toml: scene 'white': kind: must be 'white', as presets need it (received {kind!r})."
    allowing = [preset.name for preset in read.presets.values() if preset.background == "scene"]
    for template in read.templates.values():
        for fault in template_faults(template, read.fonts, read.presets[allowing[0]]) if allowing else ():
            yield f"layers.toml: template {template.name!r}: {fault}"
    for preset in read.presets.values():
        sibling = preset.scene_sibling
        if sibling is not None and sibling not in allowing:
            near = difflib.get_close_matches(sibling, allowing, 3, cutoff=0)
            about = f"{sibling!r} is not a preset that allows scenes. Name one that does, as {', '.join(near)}."
            yield f"presets.toml: preset {preset.name!r}: scene_sibling: {about}"


def own_picture(entry: Scene | Mood | Preset) -> str:
    """Return the name of the thumbnail of an entry that does not ship. It takes the whole entry to guess it."""
    return f"own-{hashlib.sha256(repr(entry).encode()).hexdigest()[:32]}"


def _font_clashes(shared: Catalogue) -> Iterator[str]:
    """Yield a sentence for each font of a client with the name of another font: a worker knows only the name."""
    known = dict[str, set[tuple[int, bytes]]]()
    if all(own.font_files == shared.font_files for own in shared.clients.values()):
        return
    for folder, catalogue in (("", shared), *shared.clients.items()):
        families = dict[str, set[tuple[int, bytes]]]()
        for face in catalogue.fonts.faces:
            families.setdefault(face.name, set()).add((face.weight, face.data))
        for name, family in families.items():
            if known.setdefault(name, family) != family:
                yield f"{CLIENTS}/{folder}/fonts: {name} is another font elsewhere. Rename it, or move it to fonts."


def fold(name: str) -> str:
    """Return a name for comparison, without case, spaces, '-' and '_'."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def _by_name(file: str, records: list[Record], faults: list[str]) -> Mapping[str, Record]:
    named: dict[str, Record] = {}
    folded: dict[str, str] = {}
    for record in records:
        twin = folded.setdefault(fold(record.name), record.name)
        if record.name in named or twin != record.name:
            faults.append(f"{file}: {record.name!r}: name is taken by {twin!r}. Choose another name.")
        named.setdefault(record.name, record)
    return MappingProxyType(named)


def _named(records: Mapping[str, Record], text: str) -> Record | None:
    if text in records:
        return records[text]
    wanted = fold(text[: MAX_TEXT + 1])
    return next((record for name, record in records.items() if fold(name) == wanted), None)


def _free_text(text: str) -> str:
    """Return the stripped text. Raises ValueError for text that is not one line of 1 to 120 characters."""
    words = text.strip()
    # Control, format and surrogate characters, line and paragraph separators: no description needs them.
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in words):
        raise ValueError("Control characters are not allowed. Send one line of plain text.")
    if not quotable(words):
        raise ValueError("Send a name of the catalogue, or describe it in 1 to 120 characters.")
    if len(words) > MAX_TEXT:
        raise ValueError(f"A description has at most {MAX_TEXT} characters (received {len(words)}). Shorten it.")
    return words


def quotable(words: str) -> str:
    """Remove all kinds of double quotation marks, so that the text can't end its quotation in a prompt."""
    return re.sub(r"[\"\u201c-\u201f\u00ab\u00bb\u2033\u275d\u275e\u300c-\u300f\uff02`]", "", words).strip()


def _listed(record: Scene | Mood) -> dict[str, Any]:
    return {"name": record.name, "title": record.title, "description": record.description}


def preset_json(preset: Preset) -> dict[str, Any]:
    """Return a preset as the API lists it."""
    listed = record_to_json(preset)
    for internal in ("quality", "centre_x", "fill_bounds", "min_side"):
        del listed[internal]
    width, height = listed.pop("size") or (None, None)
    return listed | {"width": width, "height": height, "scene_allowed": preset.background == "scene"}
