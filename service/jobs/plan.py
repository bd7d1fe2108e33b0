"""The plan of a swap: the request with nothing left open, and what its caller should hear before paying."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.order import SwapOrder
from pipeline.core.spec import Preset, Spec
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
    order: SwapOrder
    #: The client's brand that `pilot_brand` names; None: it names none.
    brand: Brand | None
    source_key: str
    preset: Preset
    #: What an earlier render of the photo reports of its cut-out; empty where the request names none.
    seen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def credits_cost(self) -> int:
        """What it costs: a preview nothing."""
        return 0 if self.order.preview else self.preset.credits

    def placing(self, catalogue: Catalogue) -> Spec:
        """Return the spec as far as `pipeline.placement` and `pipeline.scene.surfaces` look at it: no seed."""
        return Spec(
            scene=catalogue.scene(self.order.scene),
            mood=catalogue.mood(self.order.mood),
            palette=self.order.colors,
            preset=ordered(self.preset, self.order.output),
            seed=0,
            pinned=self.order.pinned,
            placement=self.order.placement,
            dressing=self.order.dressing,
        )

    def spec(self, catalogue: Catalogue) -> dict[str, Any]:
        """Return the spec as the jobs table keeps it, with a seed, the catalogue's records, the cautions and pairs."""
        found = [vars(caution) for caution in surprises(self, catalogue)]
        pairs = {"metadata": dict(self.order.metadata)} if self.order.metadata else {}
        return stored_spec(catalogue, self.order) | {"cautions": found} | pairs


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
    order, preset = resolved.order, resolved.preset
    scene = catalogue.scene(order.scene)
    yield from cautions(catalogue, scene, catalogue.mood(order.mood), order.colors, preset)
    facts = CutoutFacts.read(resolved.seen, order.placement.stance)
    yield from placing_cautions(catalogue, resolved.placing(catalogue), facts)
    yield from output_cautions(order.output, preset)
    if order.brand is not None and resolved.brand is None:
        yield Caution("brand_unknown", "You have no brand of that name: it is recorded and changes nothing.")
