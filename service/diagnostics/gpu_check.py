"""`backdrop gpu-check`: steps that measure the configured model on this machine, for one page and one JSON row.

Each finished step is kept in the output folder, so that a run that was killed goes on where it ended.
"""

import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from models.device import give_back_device_memory, is_sticky, resolve_device
from models.memory import peak_memory
from pipeline.core.networks import Networks
from pipeline.core.spec import Spec
from pipeline.swap import SwapResult, swap
from service.catalogue.catalogue import load_catalogue
from service.diagnostics.gpu_check_products import products
from service.settings import Settings
from service.telemetry.faults import explained
from service.worker.kernels import compile_kernels
from service.worker.networks import generator_choice, open_networks

GIB = 2**30
#: How often a step may end the process until it is left out.
DEATHS = 2

How = Literal["measured", "simulated", "skipped", "failed"]


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    products: int
    #: Of those, how many are painted again without hold, and without depth.
    again: int
    #: Swaps, by how many are in flight.
    flights: Mapping[int, int]
    #: Whether a painting is compared with the CPU's.
    on_cpu: bool
    #: Seconds after which no further step begins on CUDA; elsewhere there is no limit.
    limit: float
    #: Pixels of the pictures' side; None: the preset's own.
    side: int | None = None


FULL = Amount(24, 6, {1: 8, 2: 8, 4: 8, 8: 16}, on_cpu=True, limit=3300)
QUICK = Amount(4, 2, {1: 2, 4: 4}, on_cpu=False, limit=240)


@dataclass(frozen=True)
class Row:
    """What a step found, or why it found nothing."""

    said: str
    #: For the JSON row.
    figures: dict[str, Any] = field(default_factory=dict)
    #: Pictures to look at, by caption: files in the output folder.
    sheet: dict[str, str] = field(default_factory=dict)
    how: How = "measured"
    title: str = ""


class Skipped(Exception):
    """Raised by a step that can't be made here; the message is the reason."""


class Check:
    """One run in its folder."""

    def __init__(
        self,
        settings: Settings,
        out: Path,
        amount: Amount,
        folder: Path | None,
        load: Callable[[Settings], Networks],
        say: Callable[[str], None],
    ) -> None:
        self.settings, self.out, self.amount, self.say = settings, out, amount, say
        self.device = resolve_device(settings.device)
        self.products = products(folder, amount.products)
        #: The shipped photo, by which times are measured.
        self.photo = products(None, 1)[0].data
        self._catalogue = load_catalogue(settings.catalogue)
        self._load = load
        self._open: tuple[Settings, Networks] | None = None
        for name in ("steps", "pictures", "sheets"):
            (out / name).mkdir(parents=True, exist_ok=True)

    def kept(self, name: str) -> Any:
        """Return what was kept by that name, None where nothing was."""
        path = self.out / "steps" / f"{name}.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def keep(self, name: str, value: Any) -> Any:
        """Keep what JSON can hold, whole or not at all, and return it."""
        path = self.out / "steps" / f"{name}.json"
        path.with_suffix(".part").write_text(json.dumps(value), "utf-8")
        path.with_suffix(".part").replace(path)
        return value

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what was kept by that name, made and kept now where nothing was."""
        found = self.kept(name)
        return self.keep(name, make()) if found is None else found

    def networks(self, **changed: Any) -> Networks:
        """Return the networks, of changed settings perhaps. One model is on the device at a time."""
        settings = self.settings.model_copy(update=changed)
        if self._open is None or self._open[0] != settings:
            self.unload()
            self._open = settings, self._load(settings)
        return self._open[1]

    def unload(self) -> None:
        """Free the device."""
        self._open = None
        gc.collect()
        give_back_device_memory()

    def spec(self, number: int = 0, palette: tuple[str, ...] = ()) -> Spec:
        """Return an order: scenes and moods in turn, each with a seed of its own."""
        scenes = [one for one in self._catalogue.scenes.values() if one.kind not in ("white", "flatlay")]
        moods, preset = list(self._catalogue.moods.values()), self._catalogue.preset("instagram_square")
        if self.amount.side is not None:
            preset = replace(preset, size=(self.amount.side, self.amount.side))
        return Spec(scenes[number % len(scenes)], moods[number % len(moods)], palette, preset, 1 + number)

    def swap(self, data: bytes, spec: Spec, networks: Networks, **options: Any) -> SwapResult:
        """Swap as a worker does."""
        return swap(data, spec, networks, limits=self.settings.limits, clock=time.perf_counter, **options)


@dataclass(frozen=True)
class Step:
    """The work of one row."""

    name: str
    title: str
    make: Callable[[Check], Row]
    #: About how many swaps it costs.
    cost: Callable[[Amount], float] = lambda amount: 0
    #: Whether it says something of the device alone, so that a CPU's figure is no more than a rehearsal.
    of_device: bool = False


def run(
    settings: Settings,
    out: Path,
    amount: Amount,
    steps: Sequence[Step],
    folder: Path | None = None,
    *,
    load: Callable[[Settings], Networks] = open_networks,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], dict[str, Row]]:
    """Make the steps that are not finished in `out`; return what ran, for the page, and the rows by step.

    `folder` holds photos to take as products; `say` hears a line for each step. Raises what loading the networks
    raises, ValueError where `out` holds another run or `folder` no photo, and RuntimeError where the device is lost to
    this process. A step that fails is a row that says why.
    """
    began = time.monotonic()
    check = Check(settings, out, amount, folder, load, say)
    compile_kernels(settings, say)
    about = _opened(check, steps)
    rows: dict[str, Row] = {}
    spent = costs = 0.0
    for number, step in enumerate(steps):
        if (kept := check.kept(step.name)) is not None:
            rows[step.name] = Row(**kept)
            continue
        if check.device == "cuda" and time.monotonic() - began > amount.limit:
            why = f"{amount.limit / 60:.0f} minutes were over; the same command goes on from here"
            rows[step.name] = Row(why, how="skipped", title=step.title)
            continue
        left = sum(one.cost(amount) for one in steps[number:] if check.kept(one.name) is None)
        rest = f", about {max(1, round(left * spent / costs / 60))} min left" if costs else ""
        say(f"[{number + 1}/{len(steps)}] {step.title}{rest}")
        started = time.monotonic()
        rows[step.name] = _made(check, step)
        if step.cost(amount) and rows[step.name].how != "skipped":
            spent, costs = spent + time.monotonic() - started, costs + step.cost(amount)
    return about, rows


def _opened(check: Check, steps: Sequence[Step]) -> dict[str, Any]:
    """Load the networks where a step is left, and return what runs. Raises ValueError for another run."""
    another = ValueError(f"{check.out} holds a run of another model or other settings. Choose another --out.")
    names = [product.name for product in check.products]
    choice = [repr(generator_choice(check.settings)), repr(check.amount), check.device, names]
    if check.once("choice", lambda: choice) != choice:
        raise another
    about = check.kept("about")
    if about is None or not all(check.kept(step.name) for step in steps):
        started = time.perf_counter()
        with peak_memory(check.device) as taken:
            versions = dict(check.networks().versions)
        found: dict[str, Any] = {"versions": versions, "device": check.device, "machine": _machine(check.device)}
        found |= {"load_seconds": round(time.perf_counter() - started, 1), "load_bytes": max(0, taken[0])}
        found["products"] = dict(Counter(product.kind for product in check.products))
        about = check.once("about", lambda: found)
        if about["versions"] != versions:
            raise another
    return dict(about)


def _machine(device: str) -> str:
    import torch

    if device != "cuda":
        return f"{torch.get_num_threads()} CPU threads, torch {torch.__version__}"
    gpu = torch.cuda.get_device_properties(torch.cuda.current_device())
    return f"{gpu.name}, {gpu.total_memory / GIB:.0f} GiB, torch {torch.__version__}"


def _made(check: Check, step: Step) -> Row:
    """Make a step and keep its row."""
    lost: Exception | None = None
    begun = check.kept(f"{step.name}-begun") or 0
    check.keep(f"{step.name}-begun", begun + 1)
    try:
        if begun >= DEATHS:
            raise RuntimeError(f"The process ended {begun} times in this step; too little memory, perhaps.")
        row = step.make(check)
        row = replace(row, how="simulated") if step.of_device and check.device != "cuda" else row
    except Skipped as reason:
        row = Row(str(reason), how="skipped")
    except Exception as error:  # noqa: BLE001  # whatever a model does, the other steps are still made
        row = Row(explained(error) or f"{type(error).__name__}: {error}", how="failed")
        lost = error if is_sticky(error) else None
    row = replace(row, title=step.title)
    check.keep(step.name, asdict(row))
    check.keep(f"{step.name}-begun", 0)  # it ended, and not the process
    if lost is not None:
        raise RuntimeError("The device is lost to this process. Run the same command again: it goes on.") from lost
    return row
