"""A spec as the jobs table keeps it, and back: names, colours and a seed, resolved against the catalogue."""

from collections.abc import Sequence
from typing import Any

from pipeline.core.spec import Spec
from service.catalogue.catalogue import Catalogue, quotable


def stored_spec(
    *,
    scene_type: str,
    mood: str,
    dominant_colors: Sequence[str],
    output_preset: str,
    seed: int,
    style_words: Sequence[str] = (),
    pinned: bool = False,
) -> dict[str, Any]:
    """Return the JSON that `resolve_spec` reads. Colours are #rrggbb, the seed is 0 to 2**31 - 1."""
    return {
        "scene_type": scene_type,
        "mood": mood,
        "dominant_colors": list(dominant_colors),
        "output_preset": output_preset,
        "seed": seed,
        "style_words": list(style_words),
        "pinned": pinned,
    }


def resolve_spec(stored: dict[str, Any], catalogue: Catalogue) -> Spec:
    """Return the spec with its catalogue entries. Raises ValueError or KeyError for what the catalogue refuses."""
    return Spec(
        scene=catalogue.scene(stored["scene_type"]),
        mood=catalogue.mood(stored["mood"]),
        palette=tuple(stored["dominant_colors"]),
        preset=catalogue.preset(stored["output_preset"]),
        seed=stored["seed"],
        # A job from before brands has neither.
        style_words=style_of(stored.get("style_words", ())),
        pinned=stored.get("pinned", False),
    )


def style_of(words: Sequence[str]) -> str:
    """Return a brand's style words as the prompt has them, quoted: they describe, and can't instruct."""
    quoted = ", ".join(word for word in map(quotable, words) if word)
    return f'in a style that fits the words "{quoted}"' if quoted else ""
