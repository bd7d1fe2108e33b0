"""The plan of a swap: the request with all values resolved, and warnings to read before paying."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.core.order import OptionFault, SwapOrder
from pipeline.core.spec import Preset, Spec
from pipeline.delivery.output import pixels_of
from pipeline.lettering.layers import filled
from pipeline.placement.facts import CutoutFacts
from service.accounts.brands import Brand
from service.accounts.ledger import InsufficientCredits
from service.accounts.rate_limit import Quota, RateLimited
from service.catalogue.catalogue import Catalogue
from service.catalogue.cautions import Caution, cautions, output_cautions, placing_cautions
from service.catalogue.effects import in_effect
from service.catalogue.specs import planned_spec, stored_spec
from service.catalogue.swap_request import BackgroundSwapWithSpecRequest
from service.jobs.intake import Preflight, QueueFull, QueueShareTaken, TooManyUnfinishedJobs

#: The failures of a job that a sandbox's client can order, by the code of `metadata.simulate`.
FAILURES = (
    *("no_subject", "subject_not_found", "no_honest_placement", "layer_unusable", "not_accepted"),
    *("image_unreadable", "image_truncated", "photo_damaged", "image_too_large", "image_too_small", "source_gone"),
    *("model_failed", "generator_rejected", "out_of_memory", "time_limit", "store_unavailable", "worker_lost"),
    *("queue_timeout", "signing_failed", "internal_error"),
)
#: The refusals that a sandbox's client can order, by the code of `metadata.simulate`, each made from the live price.
REFUSALS: Mapping[str, Callable[[int], Exception]] = {
    "insufficient_credits": lambda price: InsufficientCredits(0, price),
    "rate_limited": lambda _: RateLimited(Quota(allowed=False, limit=60, window=60, remaining=0, reset=1)),
    "too_many_unfinished_jobs": lambda _: TooManyUnfinishedJobs(1),
    "queue_full": lambda _: QueueFull(),
}


def unknown_simulation(code: str | None) -> OptionFault | None:
    """Return the fault of a sandbox's `metadata.simulate` that is no code which it can simulate."""
    if code is None or code in FAILURES or code in REFUSALS:
        return None
    text = f"A sandbox can't simulate this. Send one of: {', '.join([*FAILURES, *REFUSALS])}"
    return OptionFault("metadata.simulate", "simulate_unknown", text, code)


@dataclass(frozen=True)
class Resolved:
    """A valid request whose photo exists, with the brand's values filled in."""

    order: SwapOrder
    #: The same before an earlier render's values and a drawn seed: the fields that the caller meant.
    asked: SwapOrder
    #: The client's brand that `pilot_brand` names; None if there is none.
    brand: Brand | None
    source_key: str
    preset: Preset
    #: The earlier render whose background the order repeats, as the spec stores it; None for none.
    earlier: Mapping[str, Any] | None = None
    #: The cut-out's facts from the earlier render that the request names; empty without one.
    seen: Mapping[str, Any] = field(default_factory=dict)
    #: Whether it is a sandbox's.
    sandbox: bool = False

    def of_photo(self, source_key: str, seen: Mapping[str, Any]) -> "Resolved":
        """Return the same request for a photo. Its facts count only if they are of the requested product."""
        asked = list(self.order.subject) if self.order.subject else None
        return replace(self, source_key=source_key, seen=seen if seen.get("subject") == asked else {})

    @property
    def request(self) -> BackgroundSwapWithSpecRequest:
        """The body of the request, with its brand's values and not those of an earlier render."""
        return BackgroundSwapWithSpecRequest.of(replace(self.asked, upload=self.order.upload, render=self.order.render))

    @property
    def credits_cost(self) -> int:
        """The cost in credits; 0 for a preview, and in a sandbox."""
        return 0 if self.order.preview or self.sandbox else self.preset.credits

    @property
    def simulate(self) -> str | None:
        """The code of the error that a sandbox's client orders; None for none."""
        return dict(self.order.metadata).get("simulate") if self.sandbox else None

    def placing(self, catalogue: Catalogue) -> Spec:
        """Return a spec for `pipeline.placement` and `pipeline.scene.surfaces`, which need no seed."""
        return planned_spec(catalogue, self.order)

    def pixels(self, catalogue: Catalogue) -> Hashable:
        """Return what decides the picture: requests of a client with equal values get equal pictures."""
        asked = replace(self.placing(catalogue), lettering=filled(self.order))
        return self.source_key, self.simulate, pixels_of(asked)

    def spec(self, catalogue: Catalogue, known: Iterable[Caution] | None = None) -> dict[str, Any]:
        """Return the spec for the jobs table, with a seed, the catalogue's records, the cautions and pairs.

        `known`: its cautions, if they were found before.
        """
        found = [vars(caution) for caution in (surprises(self, catalogue) if known is None else known)]
        pairs = {"metadata": dict(self.order.metadata)} if self.order.metadata else {}
        stored = stored_spec(catalogue, self.order)
        if self.sandbox:
            stored["sandbox"] = True
            if self.simulate == "not_accepted":
                stored["acceptance"] = {"accept": '{"attempts": 1, "enlargement": 0.001}'}  # no picture keeps it
            elif self.simulate in FAILURES:
                stored["simulate"] = self.simulate
        if self.earlier is not None:
            # Its own records: the catalogue may have changed since.
            kept = self.earlier["spec"].get("records", {})
            stored["records"] |= {name: kept[name] for name in ("scene", "mood") if name in kept}
            stored["earlier"] = self.earlier
        return stored | {"cautions": found} | pairs


@dataclass(frozen=True)
class Plan:
    """The effect of a submit at this moment."""

    resolved: Resolved
    balance: int
    cautions: list[Caution]
    #: Every option with the value that has an effect.
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def affordable(self) -> bool:
        """Whether the balance covers the cost."""
        return self.balance >= self.resolved.credits_cost


def plan(resolved: Resolved, preflight: Preflight, catalogue: Catalogue) -> Plan:
    """Return the plan. Its cautions begin with reasons why the submit would be refused."""
    found = [*_refusals(resolved, preflight), *surprises(resolved, catalogue)]
    return Plan(resolved, preflight.balance, found, in_effect(resolved.order, resolved.placing(catalogue)))


def _refusals(resolved: Resolved, preflight: Preflight) -> Iterator[Caution]:
    cost = resolved.credits_cost
    if preflight.balance < cost:
        text = f"The balance of {preflight.balance} does not cover the cost of {cost}. Ask the operator for credits."
        yield Caution("insufficient_credits", text)
    for refusal in preflight.refused_by:
        match refusal:
            case TooManyUnfinishedJobs():
                text = f"You have {refusal.limit} unfinished jobs, which is the limit. Wait until one ends."
                yield Caution("too_many_unfinished_jobs", text)
            case QueueShareTaken():
                text = f"{refusal.waiting} of your jobs are waiting, your share of the queue. Wait until one starts."
                yield Caution("queue_share_taken", text)
            case QueueFull():
                yield Caution("queue_full", "The queue is full: too many jobs of all clients wait. Submit later.")


def surprises(resolved: Resolved, catalogue: Catalogue) -> Iterator[Caution]:
    """Yield warnings about probably unintended input, the same for the plan and the job."""
    order, preset = resolved.order, resolved.preset
    spec = resolved.placing(catalogue)
    yield from cautions(catalogue, resolved.asked, spec)
    facts = CutoutFacts.read(resolved.seen, order.placement.stance)
    yield from placing_cautions(catalogue, spec, facts)
    yield from output_cautions(order.output, preset)
    if order.brand is not None and resolved.brand is None:
        yield Caution("brand_unknown", "You have no brand with this name. The job records it but does not use it.")
