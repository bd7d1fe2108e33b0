"""The fonts of text layers that every installation has: those of the font packages."""

from functools import cache
from importlib.resources import files

from pipeline.lettering.fonts import Fonts

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
