"""Validation of what a batch asks for, before anything is sent or loaded, all at once, each error with its key."""

from collections.abc import Callable, Iterable

from pipeline.core.order import SwapOrder
from service.batch.manifest.pairs import Pair
from service.batch.manifest.spec_file import BatchSpec
from service.catalogue.catalogue import Catalogue
from service.catalogue.swap_request import OrderRefused, checked

#: A field of a request, as `name[0]`, and what is wrong with it.
Wrong = tuple[str, str]
_KEYS = {
    "scene_type": "scene",
    "mood": "mood",
    "dominant_colors": "colors",
    "output_preset": "--presets",
    "pilot_brand": "brand",
}


def wrong_with(pairs: Iterable[Pair], spec: BatchSpec, check: Callable[[Pair], list[Wrong]]) -> list[str]:
    """Return a sentence for each thing that is wrong; what pairs have in common is checked once."""
    seen, found = set[SwapOrder](), list[str]()
    for pair in pairs:
        if pair.order in seen:
            continue
        seen.add(pair.order)
        special = "" if spec.of(pair.photo.name) == spec.base else f"{pair.photo.name}: "
        for field, sentence in check(pair):
            name, bracket, index = field.partition("[")
            if name.startswith("source_"):  # no photo was named
                continue
            key = _KEYS.get(name, name) + bracket + index
            found.append(f"{special}{key}: {sentence.removesuffix('.')}.")
    return list(dict.fromkeys(found))


def checked_here(catalogue: Catalogue) -> Callable[[Pair], list[Wrong]]:
    """Return a check by the rules of the API that this code is."""

    def check(pair: Pair) -> list[Wrong]:
        wrong = list[Wrong]()
        if pair.order.brand is not None:
            wrong.append(("pilot_brand", "A server keeps the brands; name it with --url"))
        try:
            checked(catalogue, pair.order)
        except OrderRefused as error:
            wrong += error.wrong
        return wrong

    return check
