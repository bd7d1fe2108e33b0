"""Take pictures of every state of the studio page, on a desktop and a phone, light and dark, to judge by eye.

python -m scripts.screenshots -o out/studio [PHOTO]
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image

from testkit.browser import REMEDY, Visit, find_browser, open_browser
from testkit.still_life import two_products
from testkit.up import Up

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE | {"color_scheme": "light"},
    "phone-dark": PHONE | {"color_scheme": "dark"},
}


def main() -> int:
    """Write the pictures and return the exit status: 1 if there is no browser."""
    parser = argparse.ArgumentParser(description="Take pictures of every state of the studio page.")
    parser.add_argument("photo", nargs="?", type=Path, help="a product photo; default: the sample")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/studio"))
    parser.add_argument("--look", action="append", choices=LOOKS, help="only this look; repeat for several")
    options = parser.parse_args()
    photo = options.photo.read_bytes() if options.photo else (files("service") / "sample" / "bottle.jpg").read_bytes()
    program = find_browser()
    if program is None:
        sys.exit(REMEDY)
    options.output.mkdir(parents=True, exist_ok=True)
    with _service() as up, open_browser(program) as browser:
        keys = {name: _key(up, name, credits) for name, credits in (("guest", 100), ("poor", 1))}
        for look in options.look or LOOKS:
            _walk(Visit(browser, up.address, **LOOKS[look]), keys, photo, options.output, look)
    return 0


@contextmanager
def _service() -> Iterator[Up]:
    with tempfile.TemporaryDirectory(prefix="backdrop-") as home:
        up = Up(Path(home))
        up.start()
        try:
            yield up
        finally:
            up.stop()


def _key(up: Up, name: str, credits: int) -> str:
    with up.client(name, credits) as api:
        return str(api.headers["Authorization"]).removeprefix("Bearer ")


def _walk(visit: Visit, keys: dict[str, str], photo: bytes, output: Path, look: str) -> None:
    """Use the page as a person would, and save pictures on the way."""
    page, taken = visit.page, iter(range(1, 100))

    def keep(name: str, *, whole: bool = False) -> None:
        page.wait_for_timeout(600)  # wait for pictures and transitions
        path = output / f"{look}-{next(taken):02}-{name}.png"
        page.screenshot(path=str(path), full_page=whole)
        print(path, flush=True)

    def stage(data: bytes, name: str) -> None:
        page.locator("#photo").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": data})
        page.get_by_role("button", name="Remove").wait_for()

    visit.open()
    page.get_by_label("Your key").wait_for()
    keep("signed-out")
    page.get_by_label("Your key").fill("not-a-key")
    page.keyboard.press("Enter")
    page.get_by_text("This key is unknown").wait_for()
    keep("bad-key")
    visit.sign_in(keys["poor"])
    stage(photo, "photo.jpg")
    page.get_by_text("This costs 2 credits").wait_for()
    keep("no-credits")
    page.get_by_role("button", name="Sign out").click()
    visit.sign_in(keys["guest"])
    keep("empty")
    stage(photo, "photo.jpg")
    page.locator("#fix").wait_for(timeout=60_000)
    keep("cut-out")
    page.locator("#fix").click()
    keep("fix")
    page.locator("#mend").click()
    page.get_by_role("application").wait_for()
    keep("mend")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="All scenes").click()
    page.get_by_role("radio", name="Arch niche").check(force=True)
    keep("scene")
    page.locator(".steps").get_by_role("radio", name="Place").check(force=True)
    page.locator(".place-box").wait_for()
    keep("place")
    page.locator(".props").scroll_into_view_if_needed()
    keep("props")
    for choice in ("mood", "colours", "output_preset"):
        page.locator(f"[data-choice={choice}] > summary").click()
        if choice == "colours":
            for colour in ("#d8b49a", "#7a4b3a", "ivory"):
                page.get_by_label("Add a colour").fill(colour)
                page.get_by_label("Add a colour").press("Enter")
            page.locator(".surfaces li").first.wait_for()
        keep(choice)
    _choose_more(page, keep)
    page.locator("[data-choice=output_preset] > summary").click()
    page.locator(".also > summary").click()
    page.locator(".also-list").get_by_label("Etsy listing photo").check()
    keep("channels")
    page.locator(".also-list").get_by_label("Etsy listing photo").uncheck()
    page.get_by_role("radio", name="Amazon main image").check(force=True)
    keep("forbidden")
    page.get_by_role("radio", name="Instagram portrait post").check(force=True)
    page.locator("#look[aria-disabled=false]").click()
    page.locator(".look-tile").nth(3).wait_for()
    keep("looking")
    page.locator(".look-tile[data-state=done]").nth(3).wait_for(timeout=300_000)
    keep("looks")
    page.locator(".look input").first.check(force=True)
    keep("look-chosen")
    page.locator("#make[aria-disabled=false]").click()
    page.locator("#progress[data-stage]").wait_for()
    keep("running")
    page.locator("#download").wait_for(timeout=300_000)
    keep("done")
    for folded in page.locator(".folded > summary").all():
        folded.click()
    page.mouse.wheel(0, -9999)
    keep("report", whole=True)
    page.get_by_role("button", name="1:1").click()
    keep("closer")
    page.locator("#another").click()
    page.locator("#progress[data-stage]").wait_for()
    page.locator("#download").wait_for(timeout=300_000)
    page.locator("#compare > summary").click()
    page.locator("#compare .tile").first.click()
    keep("compared")
    visit.open()
    page.get_by_role("button", name="Remove").click()
    stage(two_products()[0], "two.jpg")
    page.locator("#check").wait_for(timeout=60_000)
    page.locator("#check").click()
    keep("doubtful")
    page.locator(".steps").get_by_role("radio", name="Place").check(force=True)
    page.get_by_role("button", name="From above").first.click()
    page.get_by_role("button", name="All scenes").click()
    page.get_by_role("radio", name="Neon").dispatch_event("click")
    page.locator(".fitting-scenes button").first.wait_for()
    keep("no-place")
    page.locator(".steps").get_by_role("radio", name="Cut-out").check(force=True)
    page.get_by_role("button", name="Remove").click()
    files = {"front.jpg": photo, "two.jpg": two_products()[0], "nothing.jpg": _wall()}
    page.locator("#photo").set_input_files(
        [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in files.items()]
    )
    page.locator(".several li[data-state=ready]").nth(1).wait_for()
    keep("several", whole=True)
    page.get_by_role("button", name="Clear").click()
    stage(_wall(), "wall.jpg")
    page.locator("#make[aria-disabled=false]").click()
    page.get_by_text("refunded. You have").wait_for()
    keep("failed")
    visit.open("gallery")
    page.locator(".gallery img").first.wait_for()
    keep("gallery")
    page.locator(".pick input").first.check()
    keep("selected")
    page.locator("#delete").click()
    keep("delete")
    page.get_by_role("button", name="Keep").click()
    visit.open("brands")
    page.locator("#new-brand").click()
    page.get_by_label("Name").fill(f"Spring {look}")
    for colour in ("#224466", "ivory", "nearly blue"):
        page.locator("#brand-colour").fill(colour)
        page.locator("#brand-colour").press("Enter")
    keep("brand")
    page.locator("#save-brand").click()
    page.get_by_role("button", name=f"Change Spring {look}", exact=True).wait_for()
    keep("brands")
    visit.open("credits")
    page.locator(".ledger").wait_for()
    keep("credits")
    visit.open("account")
    page.get_by_role("heading", name="Account").wait_for()
    keep("account")
    visit.close()


def _choose_more(page: Any, keep: Callable[[str], None]) -> None:
    """Make each of the further choices, save a picture of it, and undo it."""
    page.locator("details.more > summary").click()
    page.locator("[data-choice=ground] > summary").click()
    page.locator("[name=background][value=color]").press("Space")
    page.get_by_role("button", name="Use #f2f0ec").click()
    keep("colour-behind")
    page.locator("[name=background][value=image]").press("Space")
    page.locator("#ground-image").set_input_files({"name": "wall.jpg", "mimeType": "image/jpeg", "buffer": _wall()})
    page.locator(".sketch.movable").wait_for()
    keep("own-picture")
    page.locator("[name=background][value=scene]").press("Space")
    page.locator("[data-choice=shadow] > summary").click()
    page.locator("[name=shadow][value=hard]").press("Space")
    page.locator(".dial").press("PageUp")
    page.locator(".live.renewing").first.wait_for(state="detached", timeout=60_000)
    keep("shadow")
    page.locator("[data-choice=frame] > summary").click()
    page.locator("[name=copy_space][value=left]").press("Space")
    keep("frame")
    page.locator("[data-choice=lettering] > summary").click()
    page.locator("#add-text").click()
    page.locator(".layer-verdict").first.wait_for(timeout=60_000)
    keep("text")
    while page.locator("#undo").inner_text() in {
        f"Undo: {name}" for name in ("Text and logos", "Frame", "Shadow", "Background")
    }:
        page.locator("#undo").click()


def _wall() -> bytes:
    """Return a plain grey photo as JPEG bytes."""
    written = io.BytesIO()
    Image.new("RGB", (900, 700), (127, 127, 127)).save(written, "JPEG")
    return written.getvalue()


if __name__ == "__main__":
    sys.exit(main())
