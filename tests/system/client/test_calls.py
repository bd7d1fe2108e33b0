"""The Python client's calls against a real installation: a photo's whole way, brands, lists, catalogues."""

import asyncio
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from backdrop_client import (
    AsyncBackdrop,
    Backdrop,
    Box,
    Brand,
    Invalid,
    JobFailed,
    NotFound,
    Progress,
    WebhookInvalid,
    WebhookJob,
    verify_webhook,
)
from service.webhooks.endpoints import Webhooks
from testkit.photos import bad, good, mask
from testkit.polling import until
from testkit.receiver import receiving
from tests.support.served import Served
from tests.system.client.conftest import QUICK, SPEC

ROOT = Path(__file__).resolve().parents[3]
#: Pages with Python for readers, and the number of files that it leaves in `out`.
PAGES = {
    "client/README.md": 1,
    "docs/guides/callers/python-client.md": 3,
    "docs/guides/callers/previews.md": 4,
    "docs/guides/callers/sandbox.md": 1,
    "docs/guides/callers/photos.md": 0,
    "docs/guides/callers/cut-outs.md": 0,
    "docs/guides/callers/batches.md": 4,
    "docs/guides/callers/usage.md": 0,
    "docs/guides/callers/webhooks.md": 0,
    "docs/guides/agencies/brands.md": 1,
}


def test_a_photo_is_swapped_in_one_call(backdrop: Backdrop, tmp_path: Path) -> None:
    photo, output = tmp_path / "jar.png", tmp_path / "deep" / "out.png"
    photo.write_bytes(good())
    reported: list[Progress] = []

    render = backdrop.swap_file(photo, output, SPEC, on_progress=reported.append)

    assert hashlib.sha256(output.read_bytes()).hexdigest() == render.sha256
    assert list(output.parent.iterdir()) == [output]
    assert (render.output_preset, render.width, render.height) == ("transparent_cutout", 200, 240)
    filled = {name for name, value in render.report.items() if value is not None}
    assert filled == {"palette", "fidelity", "preset", "cutout", "provenance", "publishable"}
    assert reported[-1].status == "SUCCESS"
    assert [one.progress for one in reported] == sorted(one.progress for one in reported)
    assert backdrop.credits().balance == 99


def test_the_async_client_swaps_several_at_once(served: Served, key: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with AsyncBackdrop(served.url, key, retries=QUICK) as backdrop:
            calls = (backdrop.swap_file(good(number), tmp_path / f"{number}.webp", SPEC) for number in range(3))
            renders = await asyncio.gather(*calls)
            assert {render.format for render in renders} == {"webp"}
            listed = [render.public_id async for render in backdrop.iter_renders()]

            assert sorted(listed) == sorted(render.public_id for render in renders)
            assert (await backdrop.credits()).balance == 97
            assert sum([entry.amount async for entry in backdrop.iter_credits()]) == 97
            assert {item.name for item in await backdrop.moods()} >= {"calm", "fresh"}
            with pytest.raises(NotFound):
                await backdrop.job("01J9ZC6M8J5X7Z9Q1W3R5T7Y9V")
        hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
        assert hashes == {render.sha256 for render in renders}

    asyncio.run(story())


def test_step_by_step_a_photo_comes_from_bytes_a_path_or_an_open_file(backdrop: Backdrop, tmp_path: Path) -> None:
    path = tmp_path / "jar"  # no extension: the bytes show the type
    path.write_bytes(good())
    keys = [backdrop.upload(photo) for photo in (good(), path, str(path), io.BytesIO(good()))]
    assert len(set(keys)) == 4

    plan = backdrop.plan(replace(SPEC, seed=5), source_key=keys[0])
    assert (plan.credits_cost, plan.balance, plan.affordable, plan.seed) == (1, 100, True, 5)
    accepted = backdrop.swap(replace(SPEC, seed=5), source_key=keys[0])
    job = backdrop.wait(accepted)
    again = backdrop.wait(backdrop.swap(SPEC, source_render=job.expect_render().public_id))

    assert (job.status, job.expect_render().seed, again.status) == ("SUCCESS", 5, "SUCCESS")
    assert backdrop.download(again.expect_render().public_id, tmp_path / "again.png").stat().st_size > 0


def test_a_photo_is_cut_out_mended_and_reset(backdrop: Backdrop, served: Served, key: str, tmp_path: Path) -> None:
    source = backdrop.upload(good())
    cutout = backdrop.cutout(source_key=source, reference="jar-1")
    assert (cutout.status, cutout.cut_by, cutout.width, cutout.height) == ("SUCCESS", "network", 200, 240)
    assert cutout.product_box == Box(60, 40, 80, 160)
    assert [one.id for one in cutout.subjects] == [1]
    assert [one.public_id for one in backdrop.iter_cutouts(reference="jar-1")] == [cutout.public_id]

    (tmp_path / "mask.png").write_bytes(mask(0))
    mended = backdrop.mend(cutout, tmp_path / "mask.png")
    assert (mended.cut_by, len(mended.subjects)) == ("mended", 2)
    picked = backdrop.mend(cutout.public_id, keep=[1])
    assert picked.cut_by == "subjects"
    render = backdrop.wait(backdrop.swap(SPEC, source_key=source)).expect_render()
    assert render.report["provenance"]["cutout"] == "subjects"
    assert backdrop.download_mask(mended, tmp_path / "out" / "mask.png").read_bytes().startswith(b"\x89PNG")
    assert backdrop.reset(cutout).cut_by == backdrop.cutout_by_id(cutout.public_id).cut_by == "network"
    chosen = backdrop.cutout(source_key=source, subject=(0.5, 0.5))
    assert (chosen.cut_by, chosen.product_box) == ("subjects", cutout.product_box)
    meant = backdrop.wait(backdrop.swap(replace(SPEC, subject=(0.2, 0.1, 0.8, 0.9)), source_key=source)).expect_render()
    assert meant.report["cutout"]["subject"] == [0.2, 0.1, 0.8, 0.9]
    with pytest.raises(Invalid, match=r"1\.5 is outside the photo"):
        backdrop.plan(replace(SPEC, subject=(0.5, 1.5)), source_key=source)
    backdrop.reset(cutout)
    with pytest.raises(Invalid) as refused:
        backdrop.mend(cutout, good())
    assert [one.code for one in refused.value.fields] == ["mask_mode"]
    with pytest.raises(ValueError, match="either mask or keep"):
        backdrop.mend(cutout)
    with pytest.raises(JobFailed) as failed:
        backdrop.cutout(source_key=backdrop.upload(bad()["image_truncated"]))
    assert failed.value.code == "image_truncated"
    assert backdrop.credits().balance == 98

    async def without_blocking() -> None:
        async with AsyncBackdrop(served.url, key, retries=QUICK) as other:
            again = await other.cutout(source_render=render.public_id)
            assert (await other.mend(again, mask(1))).cut_by == "mended"
            assert (await other.reset(again)).cut_by == "network"

    asyncio.run(without_blocking())


def test_a_submit_can_wait_for_the_end(backdrop: Backdrop) -> None:
    source = backdrop.upload(good())

    accepted = backdrop.swap(SPEC, source_key=source, wait=25, idempotency_key="waits-for-its-job")
    assert (accepted.status, accepted.replayed) == ("SUCCESS", False)
    assert accepted.job is not None
    assert accepted.job.expect_render().job_id == accepted.job_id
    again = backdrop.swap(SPEC, source_key=source, idempotency_key="waits-for-its-job")
    assert (again.job_id, again.replayed, again.job) == (accepted.job_id, True, None)
    in_words = backdrop.swap(replace(SPEC, mood="like a rainy sunday"), source_key=source)
    assert (accepted.warnings, in_words.warnings) == ((), ("mood_in_words",))


def test_a_brand_is_made_changed_and_listed(backdrop: Backdrop) -> None:
    made = backdrop.save_brand(Brand("acme & cö", ["#e8c7b8"], ["linen"], "pinned", default_preset="open_graph"))

    assert made.seed is not None
    assert backdrop.brand("acme & cö") == made
    assert backdrop.save_brand(replace(made, palette=[])).seed == made.seed
    assert [brand.name for brand in backdrop.brands()] == ["acme & cö"]


def test_lists_are_followed_from_page_to_page(backdrop: Backdrop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backdrop_client.orders._PAGE", 2)
    source = backdrop.upload(good())
    # One after the other: two workers finish in any order, and renders are listed in the order of their creation.
    jobs = [backdrop.swap(SPEC, source_key=source, wait=25).job_id for _ in range(5)]

    assert [job.job_id for job in backdrop.iter_jobs()] == jobs[::-1]
    assert [render.job_id for render in backdrop.iter_renders(preset="transparent_cutout")] == jobs[::-1]
    assert [entry.job_id for entry in backdrop.iter_credits()] == [*jobs[::-1], None]
    assert not list(backdrop.iter_renders(preset="web_hero"))
    assert not list(backdrop.iter_jobs(status="FAILURE"))


def test_the_catalogues_are_typed(backdrop: Backdrop) -> None:
    presets = {item.name: item for item in backdrop.output_presets()}

    assert presets["shopify_product"].about["credits"] == 2
    assert all(item.title and item.description for item in [*backdrop.scene_types(), *backdrop.moods()])


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_each_page_runs(
    page: str, served: Served, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("jar.png", "lamp.png"):
        Path(name).write_bytes(good())
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert blocks

    for block in blocks:
        ours = {'"https://backdrop.example"': repr(served.url), '"bd_…"': repr(key)}
        if '"bd_test_…"' in block:
            ours['"bd_test_…"'] = repr(served.register(f"ci of {page}", 0, sandbox=True))
        # A lean worker paints no scenes, and a transparent picture is no JPEG.
        ours |= dict.fromkeys(['"shopify_product"', '"instagram_story"', '"open_graph"'], '"transparent_cutout"')
        for theirs, here in {**ours, "podium": "white", ".jpg": ".png"}.items():
            block = block.replace(theirs, here)
        exec(compile(block, page, "exec"), {"__name__": "page"})

    written = {path.name for path in Path("out").iterdir()} if Path("out").exists() else set()
    assert PAGES[page] <= len(written), written


def test_the_servers_message_is_verified_and_typed(served: Served, backdrop: Backdrop, tmp_path: Path) -> None:
    name = "test_the_servers_message_is_verified_and_typed"
    with receiving() as receiver:
        hooks = Webhooks(served.installation.engine, allow_private=True)
        _, secret = hooks.register(name, receiver.url)
        render = backdrop.swap_file(good(), tmp_path / "out.png", SPEC)
        message = until(lambda: receiver.received and receiver.received[0], timeout=20)
        hooks.clear(name)

    event = verify_webhook(message.headers, message.body, secret)

    assert (event.id, event.type) == (message.id, "job.succeeded")
    assert isinstance(event.data, WebhookJob)
    assert event.data.render is not None
    assert (event.data.job_id, event.data.render.sha256) == (render.job_id, render.sha256)
    assert (event.data.render.seed, event.data.render.warnings) == (render.seed, render.warnings)
    assert (event.data.render.scene_type, event.data.render.mood) == ("white", "calm")
    for headers, body in [
        (message.headers, message.body.replace(b"SUCCESS", b"FAILURE")),
        ({**message.headers, "webhook-timestamp": "1"}, message.body),
        ({**message.headers, "webhook-signature": "v1,no base64"}, message.body),
        ({}, message.body),
    ]:
        with pytest.raises(WebhookInvalid):
            verify_webhook(headers, body, secret)
    with pytest.raises(WebhookInvalid):
        verify_webhook(message.headers, message.body, "whsec_" + "A" * 44)
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(message.headers, message.body, "")
