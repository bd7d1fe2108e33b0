"""Templates of layers, and fonts, that an operator's folder adds to the catalogue."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from pipeline.core.spec import Preset
from pipeline.lettering.fonts import Fonts
from pipeline.lettering.layers import layer_faults

#: Begins the layers of an order that names a template.
TEMPLATE = "template:"
_LICENCE = re.compile(r"licen[cs]e|ofl|copying|eula", re.I)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
#: Packages that contain only font files, all under the SIL Open Font License 1.1.
_PACKAGES = ("font_source_sans_pro", "font_source_serif_pro", "font_manrope", "font_amatic_sc", "font_fredoka_one")


@cache
def bundled_fonts() -> Fonts:
    """Return the fonts of the packages. The first call reads about 50 files."""
    found: dict[str, bytes] = {}
    for package in _PACKAGES:
        for file in sorted((files(package) / "files").iterdir(), key=lambda one: one.name):
            # Manrope's variable font would replace one of its own weights
            if file.name.endswith(".ttf") and "Variable" not in file.name:
                found[file.name] = file.read_bytes()
    return Fonts().with_files(found)


@dataclass(frozen=True)
class Template:
    """A named list of layers."""

    name: str
    title: str
    description: str
    #: JSON, as an order's own layers.
    layers: str


def template_faults(template: Template, fonts: Fonts, preset: Preset) -> Iterator[str]:
    """Yield a sentence for each fault of a template's layers. The order supplies placeholders and palette."""
    values = dict.fromkeys(_PLACEHOLDER.findall(template.layers), "x")
    for fault in layer_faults(template.layers, preset, ["#000000"] * 6, fonts, values):
        yield f"{fault.field}: {fault.message} (received {fault.received!r})."


def read_fonts(folder: Path, faults: list[str]) -> dict[str, bytes]:
    """Return the .ttf and .otf files below a folder by their paths. Adds a sentence to `faults` for each fault."""
    found = dict[str, bytes]()
    for path in sorted(folder.rglob("*")):
        kind = path.suffix.lower()
        if kind in (".woff", ".woff2", ".ttc"):
            faults.append(f"{path}: fonts are .ttf or .otf files (received {kind}). Convert it.")
        if kind not in (".ttf", ".otf"):
            continue
        if not any(_LICENCE.search(beside.name) for beside in path.parent.iterdir()):
            faults.append(f"{path}: licence: missing. Put the font's licence text beside it, as LICENSE.txt.")
        try:
            one = {str(path): path.read_bytes()}
            Fonts().with_files(one)
            found |= one
        except (ValueError, OSError) as error:
            faults.append(str(error))
    return found
