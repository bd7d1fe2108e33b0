"""The steps of `backdrop bench gpu`, each a row of its page."""

import io
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.gpu.check import FULL, GIB, Amount, Check, Row, Skipped, Step
from models.device import Device, is_sticky, peak_memory
from models.hub.generator import DiffusersGenerator
from models.loading import load_generator
from pipeline.background.paint import paint_background
from pipeline.colour.asked import asked_colours
from pipeline.colour.palette import background_pixels, compare_palette
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.errors import PipelineError
from pipeline.core.networks import Generator, Painted, PaintRequest
from pipeline.core.resample import resize
from pipeline.core.spec import Spec
from pipeline.core.types import Alpha, Placed, Rgb
from pipeline.light.conditions import lit_drawing
from pipeline.scene.composition import compose
from service.worker.main import open_lane
from service.worker.networks import generator_choice

#: Palettes of the orders, in turn.
PALETTES = (("#e8c7b8", "#f6efe4"), ("#2e6f95",), ("#cfe3d4", "#efe6d8", "#5d8a4c"), ("#35383b", "#d9a441"))
#: Largest side and steps of the painting that CPU and CUDA are compared on. A step of a large model takes minutes on a
#: CPU.
SMALL_SIDE, SMALL_STEPS = 512, 4
#: Height in pixels of the pictures on a sheet.
SHEET = 320
NO_CUDA = "no CUDA device"
NOT_QUICK = "left out by --quick"


class Watched:
    """A generator that keeps its sketches and paintings by seed. Can switch hold off."""

    def __init__(self, generator: Generator, *, hold: bool = True) -> None:
        self._generator = generator
        self.capabilities = replace(generator.capabilities, holds=generator.capabilities.holds and hold)
        #: The sketch, then the painting if the model paints pictures. h×w×3 sRGB in [0, 1].
        self.seen: dict[int, list[Rgb]] = {}

    def paint(self, requests: Sequence[PaintRequest]) -> Sequence[Painted | BaseException]:
        """Paint as the generator does."""
        answers = self._generator.paint(requests)
        for request, answer in zip(requests, answers, strict=True):
            drawing = lit_drawing(request.conditions) if request.laid is None else request.laid.picture
            self.seen[request.seed] = [drawing]
            if self.capabilities.paints == "picture" and not isinstance(answer, BaseException):
                self.seen[request.seed].append(np.clip(answer, 0, 1))
        return answers


def _loads(check: Check) -> Row:
    about = check.kept("about")
    figures = {"seconds": about["load_seconds"], "bytes": about["load_bytes"]}
    return Row(f"all networks in {figures['seconds']:.1f} s, {figures['bytes'] / GIB:.2f} GiB", figures)


def _painting(check: Check) -> dict[str, Any]:
    """Paint twice without a product, and return the figures of the second painting. Runs once."""

    def made() -> dict[str, Any]:
        times: list[float] = []
        for _ in range(2):
            times.clear()
            started = time.perf_counter()
            with peak_memory(check.device) as taken:
                picture = _painted(check, check.networks().generator, lambda done: times.append(_now(check)))
        whole, gaps = time.perf_counter() - started, np.diff(times)
        # With one step, only the time of the whole painting is known.
        a_step = float(np.median(gaps)) if len(gaps) else whole
        figures = {"steps": len(times), "seconds": whole, "seconds_a_step": a_step, "bytes": max(0, taken[0])}
        return figures | {"deviation": float(picture.std())}

    return dict(check.once("painting", made))


def _painted(check: Check, generator: Generator, on_step: Any) -> Rgb:
    spec = check.spec()
    assert spec.preset.size is not None  # the preset has one size
    width, height = spec.preset.size
    return paint_background(spec, compose(spec, width, height, 0.6), width, height, generator, on_step)


def _now(check: Check) -> float:
    """Return the time once the device has finished its work. CUDA's calls return before that."""
    if check.device == "cuda":
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()


def _finite(check: Check) -> Row:
    deviation, counts = _painting(check)["deviation"], _weights(check)
    if deviation < 1e-3:
        raise RuntimeError("The painting has only one colour. Try BACKDROP_DTYPE=bfloat16 or float32.")
    counted = ", ".join(f"{count / 1e6:,.1f} million weights in {dtype}" for dtype, count in counts.items())
    said = f"{counted or 'weights in a graph, float32'}; the painting is finite, standard deviation {deviation:.3f}"
    return Row(said, {"weights": counts, "deviation": deviation})


def _weights(check: Check) -> dict[str, int]:
    """Return the number of weights by precision. Empty for a graph, whose weights are unknown."""
    generator = check.networks().generator
    return generator.weights() if isinstance(generator, DiffusersGenerator) else {}


def _memory(check: Check) -> Row:
    loaded, painting = check.kept("about")["load_bytes"], _painting(check)["bytes"]
    said = f"{loaded / GIB:.2f} GiB to load, {painting / GIB:.2f} GiB more to paint one picture"
    return Row(said, {"loading": loaded, "painting": painting})


def _step_time(check: Check) -> Row:
    figures = _painting(check)
    said = f"{figures['seconds_a_step']:.3f} s a step, {figures['steps']} steps, {figures['seconds']:.2f} s a painting"
    return Row(said, {name: figures[name] for name in ("seconds_a_step", "steps", "seconds")})


def _flight(many: int, check: Check) -> Row:
    """Run `many` swaps at once, as a worker does."""
    if (count := check.amount.flights.get(many)) is None:
        raise Skipped(NOT_QUICK)
    networks, spec = check.networks(), check.spec()
    lane = open_lane(check.settings, networks, on_lost=lambda: None)

    def one(number: int) -> tuple[float, int]:
        started, shared = time.perf_counter(), lane.networks(networks, lambda: None)
        made = check.swap(check.photo, replace(spec, seed=1000 + number), shared)
        return time.perf_counter() - started, made.report.provenance.attempts

    try:
        one(-1)  # the first swap of a process is slower
        with _watched_device(check) as device, ThreadPoolExecutor(many) as pool:
            started = time.perf_counter()
            swaps = list(pool.map(one, range(count)))
            whole = time.perf_counter() - started
    finally:
        lane.close()
    p50, p95 = (float(np.percentile([seconds for seconds, _ in swaps], share)) for share in (50, 95))
    tries = float(np.mean([attempts for _, attempts in swaps]))
    said = f"{count / whole:.3f} swaps/s; p50 {p50:.2f} s, p95 {p95:.2f} s of {count} swaps, {tries:.1f} paintings each"
    return Row(
        said, {"swaps_a_second": count / whole, "p50": p50, "p95": p95, "swaps": count, "tries": tries, **device}
    )


@contextmanager
def _watched_device(check: Check) -> Iterator[dict[str, Any]]:
    """Watch the CUDA device while the block runs. At its end, set the share of busy time and the most bytes in use."""
    found: dict[str, Any] = {}
    over, busy, taken = Event(), list[int](), list[int]()

    def look() -> None:
        import torch

        while not over.wait(0.1):
            free, total = torch.cuda.mem_get_info()
            taken.append(total - free)
            try:
                busy.append(torch.cuda.utilization())  # by NVML
            except Exception as error:  # noqa: BLE001  # NVML is not installed, or the driver lacks it
                found["no_nvml"] = str(error)

    thread = Thread(target=look, daemon=True)
    if check.device == "cuda":
        thread.start()
    try:
        yield found
    finally:
        over.set()
        if thread.ident is not None:
            thread.join()
        found |= {"busy": float(np.mean(busy)) / 100} if busy else {}
        found |= {"device_bytes": max(taken)} if taken else {}


def _busy(check: Check) -> Row:
    if check.device != "cuda":
        raise Skipped(NO_CUDA)
    rows = {many: check.kept(f"flight-{many}") for many in FULL.flights}
    flights = {many: row["figures"] for many, row in rows.items() if row}
    busy = {many: figures["busy"] for many, figures in flights.items() if "busy" in figures}
    if not busy:
        why = [figures["no_nvml"] for figures in flights.values() if "no_nvml" in figures] or ["nothing was in flight"]
        raise Skipped(f"NVML does not answer ({why[0]}). Run pip install nvidia-ml-py")
    most = max(figures.get("device_bytes", 0) for figures in flights.values())
    said = ", ".join(f"{share:.0%} with {many} in flight" for many, share in busy.items())
    return Row(f"{said}; at most {most / GIB:.1f} GiB of the device in use", {"busy": busy, "device_bytes": most})


def _same_seed(check: Check) -> Row:
    one, two = (check.swap(check.photo, check.spec(), check.networks()).data for _ in range(2))
    if one == two:
        return Row("equal bytes", {"equal": True, "difference": 0})
    first, second = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16) for data in (one, two))
    apart = int(np.abs(first - second).max())
    return Row(f"not equal: up to {apart} of 255 levels apart", {"equal": False, "difference": apart})


def _against_cpu(check: Check) -> Row:
    if check.device != "cuda":
        raise Skipped(NO_CUDA)
    if not check.amount.on_cpu:
        raise Skipped(NOT_QUICK)
    host, needed = Path("/proc/meminfo"), 4 * sum(_weights(check).values())
    if host.is_file():
        free = 1024 * next(int(line.split()[1]) for line in host.read_text().splitlines() if "MemAvailable" in line)
        if needed > 0.9 * free:
            raise Skipped(f"float32 weights need {needed / GIB:.0f} GiB, but {free / GIB:.0f} GiB of memory are free")
    return compared(check, ("cuda", "cpu"))


def compared(check: Check, devices: tuple[Device, Device]) -> Row:
    """Paint one small picture with one seed on two devices, and compare the two."""
    steps, able = min(SMALL_STEPS, _painting(check)["steps"]), check.networks().generator.capabilities
    side = min(SMALL_SIDE, able.size)
    choice = replace(generator_choice(check.settings), size=side, steps=steps if able.paints == "picture" else None)
    pictures, kinds = list[Rgb](), list[str]()
    for device in devices:
        check.unload()
        if device == "cpu":
            memory = replace(choice.memory, offload="none", compiled=False)
            choice = replace(choice, dtype="auto", memory=memory)
        generator = load_generator(choice, device=device, weights=check.settings.weights)
        pictures.append(_painted(check, generator, lambda done: None))
        kinds.append(f"{device}, {generator.dtype}")
        del generator
    apart = delta_e00(*(srgb_to_lab(picture) for picture in pictures))
    mean, high = float(apart.mean()), float(np.percentile(apart, 95))
    sheet = {" | ".join(kinds): _strip(check, "cpu-against-cuda", pictures)}
    said = f"mean ΔE00 {mean:.2f}, p95 {high:.2f}; {' and '.join(kinds)}, {side} px, {steps} steps"
    return Row(said, {"mean_delta_e00": mean, "p95_delta_e00": high}, sheet)


def _swapped(check: Check, number: int, label: str, *, hold: bool = True, **changed: Any) -> dict[str, Any]:
    """Swap a product once, and return figures of its report and painting. Its pictures go into the folder."""
    name = f"{label}-{number + 1:02d}"

    def made() -> dict[str, Any]:
        product, spec = check.products[number], check.spec(number, PALETTES[number % len(PALETTES)])
        check.say(f"      {label} {number + 1}: {product.name}")
        networks, laid = check.networks(**changed), list[tuple[Placed, Rgb]]()
        watched, started = Watched(networks.generator, hold=hold), time.perf_counter()
        row: dict[str, Any] = {"product": product.name, "scene": spec.scene.name}
        try:
            swapped = check.swap(
                product.data,
                spec,
                replace(networks, generator=watched, falls_back=True),
                on_composite=lambda placed, picture: laid.append((placed, picture.copy())),
            )
        except PipelineError as error:
            if is_sticky(error):
                raise
            return row | {"error": f"{error} ({error.code})"}
        row["seconds"], report, (placed, delivered) = time.perf_counter() - started, swapped.report, laid[-1]
        (check.out / "pictures" / f"{name}.{swapped.format}").write_bytes(swapped.data)
        tried = report.provenance.tried
        row["shadows"] = [one.shadow for one in tried if one.shadow is not None]
        row["grew"] = [one.expansion.grew for one in tried if one.expansion is not None]
        row["fell_back"] = report.provenance.painted_by == "renderer"
        pictures = watched.seen.get(report.provenance.kept_seed or 0, [])
        missed = [_missed(picture, placed.alpha, spec) for picture in pictures]
        row["stages"] = dict(zip(("sketch", "painting"), missed, strict=False))
        row["stages"]["delivered"] = report.palette.mean_delta_e00
        row["strip"] = _strip(check, name, [*pictures, delivered])
        row["delivered"] = _strip(check, f"{name}-delivered", [delivered])
        return row

    return dict(check.once(name, made))


def _missed(picture: Rgb, alpha: Alpha, spec: Spec) -> float | None:
    """Return the mean ΔE00 of the requested colours in a picture of any size, without the product."""
    height, width = picture.shape[:2]
    covered = np.clip(resize(alpha, width, height, Image.Resampling.BOX), 0, 1)
    pixels = background_pixels((picture * 255 + 0.5).astype(np.uint8), covered)
    return compare_palette(pixels, asked_colours(spec)).mean_delta_e00


def _strip(check: Check, name: str, pictures: Sequence[Rgb]) -> str:
    """Write pictures next to each other as one file of the folder, and return its name."""
    images = [Image.fromarray((np.clip(one, 0, 1) * 255 + 0.5).astype(np.uint8)) for one in pictures]
    images = [one.resize((round(one.width * SHEET / one.height), SHEET), Image.Resampling.LANCZOS) for one in images]
    strip = Image.new("RGB", (sum(one.width + 4 for one in images) - 4, SHEET), "white")
    left = 0
    for one in images:
        strip.paste(one, (left, 0))
        left += one.width + 4
    strip.save(check.out / "sheets" / f"{name}.jpg", quality=88)
    return f"sheets/{name}.jpg"


def _every_product(check: Check) -> list[dict[str, Any]]:
    return [_swapped(check, number, "product") for number in range(len(check.products))]


def _all_products(check: Check) -> list[dict[str, Any]]:
    """Return the rows of all products that were not refused."""
    rows = _every_product(check)
    made = [row for row in rows if "error" not in row]
    if not made:
        raise RuntimeError(f"No product could be swapped. The first error: {rows[0]['error']}")
    return made


def _held(check: Check) -> list[dict[str, Any]]:
    if not check.networks().generator.capabilities.holds:
        raise Skipped("this model does not see the product, so it can't repaint it or its shadow")
    return _all_products(check)


def _growth(check: Check) -> Row:
    rows = _held(check)
    judged = [grew for row in rows for grew in row["grew"]]
    accepted, back = len(judged) - sum(judged), sum(row["fell_back"] for row in rows)
    said = f"{_of(accepted, len(judged))} paintings accepted, for {len(rows)} products"
    figures = {"accepted": accepted, "judged": len(judged), "fell_back": back, "products": len(rows)}
    return Row(f"{said}; {back} products got a background of Backdrop's renderer", figures)


def _shadow(check: Check) -> Row:
    verdicts = Counter(shadow for row in _held(check) for shadow in row["shadows"])
    said = ", ".join(f"{verdict} in {_of(count, verdicts.total())}" for verdict, count in verdicts.most_common())
    return Row(f"{said or 'none was judged, in 0'} paintings", dict(verdicts))


def _of(some: int, whole: int) -> str:
    return f"{some} of {whole} ({some / max(1, whole):.0%})"


def _stages(check: Check) -> Row:
    rows = _all_products(check)
    own = [row["stages"] for row in rows if not row["fell_back"]]
    count = f"{len(own)} of {len(check.products)}"
    refused = [row for row in _every_product(check) if "error" in row]
    why = "; ".join(f"refused: {row['product']} in {row['scene']}, {row['error']}" for row in refused)
    words = {"sketch": "sketch", "painting": "painting", "delivered": "after palette control"}
    means = {stage: _mean([stages.get(stage) for stages in own]) for stage in words}
    said = ", ".join(f"{words[stage]} {mean:.1f}" for stage, mean in means.items() if mean is not None)
    sheet = {f"{row['product']}, {row['scene']}. ΔE00: {_course(row)}": row["strip"] for row in rows}
    return Row(
        f"mean ΔE00 to the requested colours: {said or 'unknown'}; {count} products{why and f'; {why}'}", means, sheet
    )


def _course(row: dict[str, Any]) -> str:
    course = ", ".join(f"{stage} {missed:.1f}" for stage, missed in row["stages"].items() if missed is not None)
    return course + ("; delivered with a background of Backdrop's renderer" if row["fell_back"] else "")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _switched(check: Check, what: str, **off: Any) -> Row:
    """Swap the first products again with something switched off, and compare with the first results."""
    numbers = range(check.amount.again)
    pairs = [(_swapped(check, one, "product"), _swapped(check, one, f"no-{what}", **off)) for one in numbers]
    pairs = [pair for pair in pairs if not any("error" in row for row in pair)]
    if not pairs:
        raise RuntimeError("No product could be swapped both ways.")
    figures, said, sheet = {}, list[str](), dict[str, str]()
    for state, rows in zip(("on", "off"), zip(*pairs, strict=True), strict=True):
        missed, seconds = _mean([row["stages"]["delivered"] for row in rows]), _mean([row["seconds"] for row in rows])
        figures[state] = {"delivered_delta_e00": missed, "seconds": seconds}
        said.append(f"{state}: ΔE00 {missed or 0:.1f}, {seconds:.1f} s a swap")
    for on, without in pairs:
        sheet[f"{on['product']}, {what} on"] = on["delivered"]
        sheet[f"{on['product']}, {what} off"] = without["delivered"]
    return Row(f"{'; '.join(said)}; {len(pairs)} products", figures, sheet)


def _hold(check: Check) -> Row:
    _held(check)
    return _switched(check, "hold", hold=False)


def _depth(check: Check) -> Row:
    if check.settings.controlnet is None:
        raise Skipped("BACKDROP_CONTROLNET names no ControlNet")
    return _switched(check, "depth", controlnet=None)


def _flight_cost(many: int, amount: Amount) -> float:
    """Return the number of swaps of a step: those it measures, and one to warm up."""
    return amount.flights[many] + 1 if many in amount.flights else 0


def _flights() -> Iterator[Step]:
    for many in FULL.flights:
        title = f"Whole swaps, {many} in flight"
        yield Step(f"flight-{many}", title, partial(_flight, many), partial(_flight_cost, many), of_device=True)


STEPS = (
    Step("loads", "Loads", _loads, of_device=True),
    Step("finite", "Weights and a painting are finite", _finite, lambda amount: 2),
    Step("memory", "Peak memory", _memory, of_device=True),
    Step("step", "Seconds a denoising step", _step_time, of_device=True),
    *_flights(),
    Step("busy", "Device busy", _busy, of_device=True),
    Step("seed", "The same seed twice", _same_seed, lambda amount: 2),
    Step("cpu", "CPU and CUDA with the same seed", _against_cpu, lambda amount: 20 * amount.on_cpu),
    Step("growth", "Growth gate", _growth, lambda amount: 1.3 * amount.products),
    Step("shadow", "Shadow gate", _shadow),
    Step("stages", "ΔE00 by stage", _stages),
    Step("hold", "Product hold on and off", _hold, lambda amount: amount.again),
    Step("depth", "Depth (ControlNet) on and off", _depth, lambda amount: amount.again),
)
