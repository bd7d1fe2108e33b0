"""Measure the studio page in a real browser: frames a second of the brush, and the time from drop to cut-out.

python -m benchmarks.studio.drawing [PHOTO]
"""

import argparse
import io
import math
import sys
import tempfile
import time
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from benchmarks.figures import Measured, add_record_option, recorder_of
from tests.support.browser import REMEDY, Visit, find_browser, open_browser
from tests.support.up import Up

#: The photo's longer and shorter side: 12 megapixels.
SIZE = (4000, 3000)
#: Radii of the brush in CSS pixels, from the slider's smallest useful one to its largest.
RADII = (10, 24, 60, 160)
_RECORD = """() => {
  const times = (window.frames_ = []);
  window.recording = true;
  let last = performance.now();
  const next = (now) => {
    times.push(now - last);
    last = now;
    if (window.recording) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
_STOP = "() => { window.recording = false; return window.frames_.slice(2); }"
_RESIZE = """(value) => {
  const slider = document.getElementById("brush-size");
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
}"""


#: Logs in the page when a photo is dropped and when the frame with its cut-out is drawn, since a test polls rarely.
_WATCH = """() => {
  performance.clearResourceTimings();
  const at = (name) => (window[name] = performance.now());
  document.querySelector("#photo").addEventListener("change", () => at("dropped_"), { capture: true, once: true });
  const seen = new MutationObserver(() => {
    if (!document.querySelector("#mend")) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => at("shown_")));
  });
  seen.observe(document.body, { childList: true, subtree: true });
}"""
#: Requests of the page since a moment, each with start and end in seconds after it.
_ASKED = """(since) => performance
  .getEntriesByType("resource")
  .filter((one) => one.startTime >= since && one.name.includes("/v1/"))
  .map((one) => [new URL(one.name).pathname, (one.startTime - since) / 1000, (one.responseEnd - since) / 1000])"""


def main() -> int:
    """Measure and print the figures; returns the exit status, 1 without a browser."""
    parser = argparse.ArgumentParser(description="Measure the studio page: brush and time from drop to cut-out.")
    parser.add_argument("photo", nargs="?", type=Path, help="photo, scaled to 12 megapixels; default: the sample")
    parser.add_argument("--drops", type=int, default=3, help="number of drops of the photo")
    add_record_option(parser)
    options = parser.parse_args()
    recorder = recorder_of(parser, options)
    photo = options.photo.read_bytes() if options.photo else (files("service") / "sample" / "bottle.jpg").read_bytes()
    program = find_browser()
    if program is None:
        sys.exit(REMEDY)
    with tempfile.TemporaryDirectory(prefix="backdrop-") as home, open_browser(program) as browser:
        up = Up(Path(home), OMP_NUM_THREADS="2")
        up.start()
        try:
            with up.client("guest", 10) as api:
                found = _measure(Visit(browser, up.address), api, _scaled(photo), options.drops)
        finally:
            up.stop()
    if recorder:
        recorder.write("studio", found)
    return 0


def _scaled(photo: bytes) -> bytes:
    picture = Image.open(io.BytesIO(photo)).convert("RGB")
    size = SIZE if picture.width >= picture.height else SIZE[::-1]
    written = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(written, "JPEG", quality=92)
    return written.getvalue()


def _measure(visit: Visit, api: httpx.Client, photo: bytes, drops: int) -> list[Measured]:
    page, shown, worked, rates = visit.page, list[float](), list[float](), list[float]()
    visit.sign_in(str(api.headers["Authorization"]).removeprefix("Bearer "))
    page.wait_for_load_state("networkidle")
    for attempt in range(drops):
        if attempt:
            page.get_by_role("button", name="Remove").click()
        shown.append(_drop(page, photo + bytes(attempt)))  # other bytes each time, so that no cached cut-out fits
        job = api.get("/v1/jobs?operation=cutout&limit=1").json()["items"][0]
        made, begun, ended = (datetime.fromisoformat(job[f"{name}_at"]) for name in ("created", "started", "finished"))
        worked.append((ended - begun).total_seconds())
        print(f"  its job: waited {(begun - made).total_seconds():.2f} s, took {(ended - begun).total_seconds():.2f} s")
    started = time.perf_counter()
    page.locator("#mend").click()
    canvas = page.get_by_role("application")
    canvas.wait_for()
    opened = time.perf_counter() - started
    print(f"window opened: {opened:.2f} s")
    for zoomed in (False, True):
        if zoomed:
            page.get_by_role("button", name="Zoom in").click(click_count=4)
        for radius in RADII:
            page.evaluate(
                _RESIZE, round(100 * math.log(radius / 2) / math.log(80))
            )  # the slider's scale is logarithmic
            title = f"{'zoomed in' if zoomed else 'whole photo'}, brush of {radius} px"
            rates.append(_draw(page, canvas.bounding_box(), title))
    photo_of = "a photo of 12 megapixels"
    return [
        Measured("drop", f"Time from dropping {photo_of} to its cut-out, slowest drop", max(shown), "s", drops),
        Measured("drop-job", f"Time of the worker's job for {photo_of}, slowest drop", max(worked), "s", drops),
        Measured("window", "Time until the window to mend the cut-out opens", opened, "s"),
        Measured(
            "brush-frames",
            f"Frames a second while brushing the mask of {photo_of}, slowest brush",
            min(rates),
            "frames/s",
        ),
    ]


def _drop(page: Any, photo: bytes) -> float:
    """Drop a photo, print each request's start and end, and return the seconds until its cut-out is shown."""
    page.evaluate(_WATCH)
    page.locator("#photo").set_input_files({"name": "large.jpg", "mimeType": "image/jpeg", "buffer": photo})
    page.locator("#mend").wait_for(timeout=300_000)
    dropped, shown = page.evaluate("[window.dropped_, window.shown_]")
    print(f"from drop to cut-out: {(shown - dropped) / 1000:.2f} s")
    for path, began, ended in page.evaluate(_ASKED, dropped):
        print(f"  {path:<48.48} {began:6.2f} to {ended:5.2f} s")
    return float(shown - dropped) / 1000


def _draw(page: Any, box: dict[str, float], title: str) -> float:
    """Draw two circles around the middle, print the frames' times, and return the frames a second."""
    x, y, reach = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, min(box["width"], box["height"]) / 3
    page.mouse.move(x + reach, y)
    page.evaluate(_RECORD)
    page.mouse.down()
    for step in range(240):
        angle = 4 * math.pi * step / 240
        page.mouse.move(x + reach * math.cos(angle), y + reach * math.sin(angle))
        page.wait_for_timeout(6)
    page.mouse.up()
    times = sorted(page.evaluate(_STOP))
    slow = times[int(0.95 * len(times))]
    rate = 1000 * len(times) / sum(times)
    print(f"{title}: {rate:.0f} frames a second, 95 % within {slow:.0f} ms, the longest {times[-1]:.0f} ms")
    return float(rate)


if __name__ == "__main__":
    sys.exit(main())
