"""Validation of what a batch asks for, before anything is sent or loaded, all at once, each error with its key."""

from collections.abc import Callable, Iterable, Sequence

from pydantic import ValidationError

from pipeline.core.spec import SwapOrder
from pipeline.delivery.output import output_faults
from service.batch.manifest.pairs import Pair
from service.batch.manifest.spec_file import BatchSpec
from service.catalogue.catalogue import Catalogue
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest

#: An error's place in a request's body, and its sentence.
Wrong = tuple[Sequence[str | int], str]
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
        for loc, sentence in check(pair):
            field, *index = loc
            if str(field).startswith("source_"):  # no photo was named
                continue
            key = _KEYS.get(str(field), str(field)) + "".join(f"[{one}]" for one in index)
            found.append(f"{special}{key}: {sentence.removesuffix('.')}.")
    return list(dict.fromkeys(found))


def checked_here(catalogue: Catalogue) -> Callable[[Pair], list[Wrong]]:
    """Return a check by the rules of the API that this code is."""

    def check(pair: Pair) -> list[Wrong]:
        order = pair.order
        body = {"scene_type": order.scene, "mood": order.mood, "dominant_colors": list(order.colors)}
        wrong = list[Wrong]()
        if order.brand is not None:
            wrong.append((["pilot_brand"], "A server keeps the brands; name it with --url"))
        try:
            BackgroundSwapWithSpecRequest.model_validate(
                body | {"output_preset": order.preset}, context={"catalogue": catalogue}
            )
        except ValidationError as error:
            wrong += [(one["loc"], one["msg"]) for one in error.errors()]
        if (preset := catalogue.presets.get(order.preset)) is not None:
            wrong += [([fault.field], fault.message) for fault in output_faults(preset, order.output)]
        return wrong

    return check
