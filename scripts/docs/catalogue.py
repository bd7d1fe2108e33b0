"""The pages of scenes, moods and output presets, from the catalogue that ships."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scripts.docs.markdown import code, page, swatch, table, text
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.settings import SHIPPED_THUMBNAILS

_SCENES = """\
This page shows every scene that ships. Name a scene as `scene_type` (API), `scene=` (Python) or `--scene` (command
line). [Your own words](../guides/callers/orders.md#a-scene-in-your-own-words) choose the nearest scene. The colours are
those of the scene when you ask for none."""
_MOODS = """\
This page shows every mood that ships, each on the scene `podium`. Name a mood as `mood` (API, Python) or `--mood`
(command line)."""
_PRESETS = """\
This page lists every output preset that ships, with the rules of its place of publication. Name a preset as
`output_preset` (API), `preset=` (Python) or `--preset` (command line). The report of a picture checks each rule. A rule
has the day on which it was read; [limits](../limits.md) says where the rules come from."""


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that ships, without an operator's own entries."""
    return load_catalogue()


def pictures() -> Iterator[str]:
    """Yield the names of the pictures on these pages, without their suffix."""
    found = catalogue()
    yield from (f"scene-{name}" for name in found.scenes)
    yield from (f"mood-{name}" for name in found.moods)
    yield from (f"preset-{name}" for name in found.presets)


def picture_files() -> Iterator[Path]:
    """Yield the files of these pictures. Raises FileNotFoundError with the remedy where one is missing."""
    for name in pictures():
        path = SHIPPED_THUMBNAILS / f"{name}.webp"
        if not path.is_file():
            raise FileNotFoundError(f"The picture {path} is missing. Run `python -m scripts.thumbnails`.")
        yield path


def scenes_page() -> str:
    """Return the page of the scenes as Markdown."""
    shown = [
        (f"scene-{one.name}", one.name, one.title, one.description, "Colours: " + " ".join(map(swatch, one.palette)))
        for one in catalogue().scenes.values()
    ]
    return page("Scenes", _SCENES, [_gallery(shown)], "`service/catalogue/scenes.toml`")


def moods_page() -> str:
    """Return the page of the moods as Markdown."""
    shown = [(f"mood-{one.name}", one.name, one.title, one.description, "") for one in catalogue().moods.values()]
    return page("Moods", _MOODS, [_gallery(shown)], "`service/catalogue/moods.toml`")


def presets_page() -> str:
    """Return the page of the presets as Markdown."""
    listed = catalogue().to_json()["output_presets"]
    rows = [
        (f"[`{one['name']}`](#{one['name']})", _size(one), str(one["credits"]), text(one["background"]), _formats(one))
        for one in listed
    ]
    overview = table(("preset", "pixels", "credits", "background", "formats"), rows)
    return page("Presets", _PRESETS, [overview, *map(_preset, listed)], "`service/catalogue/presets.toml`")


def _gallery(shown: Iterable[tuple[str, str, str, str, str]]) -> str:
    """Return pictures with their names; each is picture, name, title, description and a last line."""
    parts = ['<div class="gallery" markdown>']
    for picture, name, title, words, last in shown:
        parts += [
            f'<div markdown class="shown" id="{name}">',
            f"![{title}](../pictures/{picture}.webp){{ loading=lazy width=256 height=320 }}",
            f"`{name}`",
            f"**{text(title)}.** {text(words)}",
            *([last] if last else []),
            "</div>",
        ]
    return "\n\n".join([*parts, "</div>"])


def _preset(one: dict[str, Any]) -> str:
    about = [
        ("`width`, `height`", _size(one)),
        ("`credits`", str(one["credits"])),
        ("`background`", text(str(one["background"]))),
        ("`formats`", _formats(one)),
        *((code(key), _value(value)) for key, value in one.items() if key not in _SAID),
    ]
    rules = [(code(rule["name"]), text(rule["text"]), _source(rule)) for rule in one["rules"]]
    parts = [
        f"## {one['name']} {{#{one['name']}}}",
        f"**{text(one['title'])}.** {text(one['description'])}",
        f"![{one['title']}](../pictures/preset-{one['name']}.webp){{ loading=lazy .preset }}",
        table(("field", "value"), ((key, value) for key, value in about if value)),
        table(("rule", "text", "read"), rules),
    ]
    return "\n\n".join(part for part in parts if part)


#: Fields of a preset that have their own place on the page.
_SAID = {"name", "title", "description", "credits", "background", "formats", "rules", "width", "height", "size"}


def _size(one: dict[str, Any]) -> str:
    return f"{one['width']} \N{MULTIPLICATION SIGN} {one['height']}" if one.get("width") else "as the photo"


def _formats(one: dict[str, Any]) -> str:
    return ", ".join(one["formats"])


def _value(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    words = str(value)
    return f"<{words}>" if words.startswith("https://") else text(words)


def _source(rule: dict[str, Any]) -> str:
    day, url = rule.get("checked_on", ""), rule.get("source_url", "")
    return f"[{day}]({url})" if url else str(day)
