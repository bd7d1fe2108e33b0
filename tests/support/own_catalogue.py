"""The example folder of the guide to one's own catalogue."""

import io
import re
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

from service.catalogue.templates import bundled_fonts

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "engineers" / "own-catalogue.md"
FONT, LICENCE = "fonts/AcmeSans-Bold.ttf", "fonts/LICENSE.txt"


@cache
def font(family: str) -> bytes:
    """Return a bundled font under another family's name."""
    made, file = TTFont(io.BytesIO(bundled_fonts().faces[0].data)), io.BytesIO()
    for number in (1, 16):
        made["name"].setName(family, number, 3, 1, 0x409)
    made.save(file)
    return file.getvalue()


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def example() -> dict[str, bytes]:
    """Return the files that the guide shows, and a font."""
    shown = dict(re.findall(r'```toml title="(.+?)"\n(.*?)```', PAGE.read_text("utf-8"), re.S))
    return {name: text.encode() for name, text in shown.items()} | {FONT: font("Acme Sans"), LICENCE: b"OFL"}
