"""The plan of a swap: the request with nothing left open, and what its caller should hear before paying."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.spec import (
    AS_PRESET,
    SEED_LIMIT,
    UNMOVED,
    Output,
    PhotoPlace,
    Placement,
    Preset,
    Spec,
)
from pipeline.delivery.output import ordered
from pipeline.placement.facts import CutoutFacts
from service.accounts.brands import Brand
from service.catalogue.catalogue import Catalogue
from service.catalogue.cautions import Caution, cautions, output_cautions, placing_cautions
from service.catalogue.specs import stored_spec
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.jobs.intake import Preflight, QueueFull, QueueShareTaken, TooManyUnfinishedJobs


@dataclass(frozen=True)
class Resolved:
    """A valid request whose photo is there. What a brand gives is filled in."""

    request: BackgroundSwapWithSpecRequest
    #: 0 to SEED_LIMIT - 1; None: one is drawn when the job is made.
    seed: int | None
    #: The client's brand that `pilot_brand` names; None: it names none.
    brand: Brand | None
    source_key: str
    preset: Preset
    #: What an earlier render of the photo reports of its cut-out; empty where the request names none.
    seen: Mapping[str, Any] = field(default_factory=dict)
    placement: Placement = UNMOVED
    output: Output = AS_PRESET
    subject: PhotoPlace | None = None
    preview: bool = False

    @property
    def credits_cost(self) -> int:
        """What it costs: a preview nothing."""
        return 0 if self.preview else self.preset.credits

    def placing(self, catalogue: Catalogue) -> Spec:
        """Return the spec as far as `pipeline.placement` looks at it: no seed, no colours."""
        return Spec(
            scene=catalogue.scene(self.request.scene_type),
            mood=catalogue.mood(self.request.mood),
            palette=(),
            preset=ordered(self.preset, self.output),
            seed=0,
            pinned=self.brand is not None and self.brand.pinned,
            placement=self.placement,
        )

    def spec(self, catalogue: Catalogue) -> dict[str, Any]:
        """Return the spec as the jobs table keeps it, with a seed, the catalogue's records and the cautions."""
        told = [vars(caution) for caution in surprises(self, catalogue)]
        spec = stored_spec(
            catalogue,
            scene_type=self.request.scene_type,
            mood=self.request.mood,
            dominant_colors=self.request.dominant_colors,
            output_preset=self.preset.name,
            seed=secrets.randbelow(SEED_LIMIT) if self.seed is None else self.seed,
            style_words=self.brand.style_words if self.brand else (),
            pinned=self.brand is not None and self.brand.pinned,
            placement=self.placement,
            output=self.output,
            subject=self.subject,
        )
        return spec | {"cautions": told}


@dataclass(frozen=True)
class Plan:
    """What a submit would do at this moment."""

    resolved: Resolved
    balance: int
    cautions: list[Caution]

    @property
    def affordable(self) -> bool:
        """Whether the balance covers the cost."""
        return self.balance >= self.resolved.credits_cost


def plan(resolved: Resolved, preflight: Preflight, catalogue: Catalogue) -> Plan:
    """Return the plan, with first what would refuse the submit, then what may not be what was meant."""
    told = [*_refusals(resolved, preflight), *surprises(resolved, catalogue)]
    return Plan(resolved, preflight.balance, told)


def _refusals(resolved: Resolved, preflight: Preflight) -> Iterator[Caution]:
    cost = resolved.credits_cost
    if preflight.balance < cost:
        text = f"The balance of {preflight.balance} does not cover the cost of {cost}; ask for a grant of credits."
        yield Caution("insufficient_credits", text)
    for refusal in preflight.refused_by:
        match refusal:
            case TooManyUnfinishedJobs():
                text = f"{refusal.limit} of your jobs are not over, and no more may be at once; wait for one to end."
                yield Caution("too_many_unfinished_jobs", text)
            case QueueShareTaken():
                text = f"{refusal.waiting} of your jobs wait, your share of the queue now; wait until one has started."
                yield Caution("queue_share_taken", text)
            case QueueFull():
                yield Caution("queue_full", "Too many jobs of all clients wait for a worker now; submit later.")


def surprises(resolved: Resolved, catalogue: Catalogue) -> Iterator[Caution]:
    """Give what may not be what was meant: it holds for the job as for the plan."""
    request, preset = resolved.request, resolved.preset
    scene = catalogue.scene(request.scene_type)
    yield from cautions(catalogue, scene, catalogue.mood(request.mood), request.dominant_colors, preset)
    facts = CutoutFacts.read(resolved.seen, resolved.placement.stance)
    yield from placing_cautions(catalogue, resolved.placing(catalogue), facts)
    yield from output_cautions(resolved.output, preset)
    if request.pilot_brand is not None and resolved.brand is None:
        yield Caution("brand_unknown", "You have no brand of that name: it is recorded and changes nothing.")
