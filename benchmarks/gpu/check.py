"""`backdrop bench gpu`: steps that measure the configured model on this machine, for one page and one JSON row.

The output folder keeps each finished step, so that a killed run can continue.
"""

import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from benchmarks.gpu.products import products
from models.device import give_back_device_memory, is_sticky, peak_memory, resolve_device
from pipeline.core.networks import Networks
from pipeline.core.spec import Spec
from pipeline.swap import SwapResult, swap
from service.catalogue.catalogue import load_catalogue
from service.settings import Settings
from service.telemetry.logs import explained
from service.worker.kernels import compile_kernels
from service.worker.networks import generator_choice, open_networks

GIB = 2**30
#: How often a step may end the process before it is left out.
DEATHS = 2

How = Literal["measured", "simulated", "skipped", "failed"]


@dataclass(frozen=True)
class Amount:
    """How much to measure."""

    products: int
    #: How many of these are painted again without hold, and without depth.
    again: int
    #: Number of swaps, by how many run at once.
    flights: Mapping[int, int]
    #: Whether a painting is compared with one on the CPU.
    on_cpu: bool
    #: Seconds after which no further step starts on CUDA. Other devices have no limit.
    limit: float
    #: Side of the pictures in pixels. None: the preset's own.
    side: int | None = None


FULL = Amount(24, 6, {1: 8, 2: 8, 4: 8, 8: 16}, on_cpu=True, limit=3300)
QUICK = Amount(4, 2, {1: 2, 4: 4}, on_cpu=False, limit=240)


@dataclass(frozen=True)
class Row:
    """The result of a step, or why it has none."""

    said: str
    #: Values for the JSON row.
    figures: dict[str, Any] = field(default_factory=dict)
    #: Pictures for the page, by caption: files in the output folder.
    sheet: dict[str, str] = field(default_factory=dict)
    how: How = "measured"
    title: str = ""


class Skipped(Exception):
    """Raised by a step that can't run here. The message is the reason."""


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
        #: The shipped photo, which the steps that measure time use.
        self.photo = products(None, 1)[0].data
        self._catalogue = load_catalogue(settings.catalogue)
        self._load = load
        self._open: tuple[Settings, Networks] | None = None
        for name in ("steps", "pictures", "sheets"):
            (out / name).mkdir(parents=True, exist_ok=True)

    def kept(self, name: str) -> Any:
        """Return the value that was kept under a name, or None."""
        path = self.out / "steps" / f"{name}.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def keep(self, name: str, value: Any) -> Any:
        """Write a value as JSON, completely or not at all, and return it."""
        path = self.out / "steps" / f"{name}.json"
        path.with_suffix(".part").write_text(json.dumps(value), "utf-8")
        path.with_suffix(".part").replace(path)
        return value

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the value that was kept under a name. If there is none, make it and keep it."""
        found = self.kept(name)
        return self.keep(name, make()) if found is None else found

    def networks(self, **changed: Any) -> Networks:
        """Return the networks, with changes to the settings if given. Only one model is on the device at a time."""
        settings = self.settings.model_copy(update=changed)
        if self._open is None or self._open[0] != settings:
            self.unload()
            self._open = settings, self._load(settings)
        return self._open[1]

    def unload(self) -> None:
        """Free the device's memory."""
        self._open = None
        gc.collect()
        give_back_device_memory()

    def spec(self, number: int = 0, palette: tuple[str, ...] = ()) -> Spec:
        """Return an order: scenes and moods in turn, each with its own seed."""
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
    """The work for one row."""

    name: str
    title: str
    make: Callable[[Check], Row]
    #: Its cost, in swaps.
    cost: Callable[[Amount], float] = lambda amount: 0
    #: Whether it measures only the device, so that the figure of a CPU is only a rehearsal.
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
    """Run the steps that `out` does not have yet. Return facts for the page, and the rows by step.

    `folder` has photos to use as products. `say` gets a line for each step. A step that fails becomes a row with the
    reason. Raises the errors of loading the networks, ValueError if `out` has another run or `folder` no photo, and
    RuntimeError if the process lost the device.
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
            why = f"{amount.limit / 60:.0f} minutes were over. Run the same command again to continue"
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
    """Load the networks if a step is left, and return facts about the run. Raises ValueError for another run."""
    another = ValueError(f"{check.out} has a run of another model or other settings. Choose another --out.")
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
    """Run a step and keep its row."""
    lost: Exception | None = None
    begun = check.kept(f"{step.name}-begun") or 0
    check.keep(f"{step.name}-begun", begun + 1)
    try:
        if begun >= DEATHS:
            raise RuntimeError(f"The process ended {begun} times in this step, perhaps from too little memory.")
        row = step.make(check)
        row = replace(row, how="simulated") if step.of_device and check.device != "cuda" else row
    except Skipped as reason:
        row = Row(str(reason), how="skipped")
    except Exception as error:  # noqa: BLE001  # a failing model must not stop the other steps
        row = Row(explained(error) or f"{type(error).__name__}: {error}", how="failed")
        lost = error if is_sticky(error) else None
    row = replace(row, title=step.title)
    check.keep(step.name, asdict(row))
    check.keep(f"{step.name}-begun", 0)  # the step ended, and did not kill the process
    if lost is not None:
        raise RuntimeError("The process lost the device. Run the same command again to continue.") from lost
    return row
