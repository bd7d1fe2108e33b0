"""The AI marking: readable by other programs, kept from the source, and never weaker than the truth."""

import io
import itertools
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pyexiv2
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from pipeline.core.order import Format
from pipeline.core.provenance import DIGITAL_SOURCE_TYPES, read_digital_source_type, stronger, xmp_packet
from pipeline.core.spec import Limits, SceneKind
from pipeline.delivery.encode import encode
from pipeline.photo.decode import decode
from pipeline.swap import SwapResult, swap
from testkit.still_life import networks, preset, spec, still_life

LIMITS = Limits()
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_exiv2_finds_the_mark_in_every_format_and_no_other_metadata(form: Format) -> None:
    place = replace(preset(form=form), digital_source_type=COMPOSITE)
    with pyexiv2.ImageData(encode(np.full((400, 400, 3), 0.5, np.float32), place).data) as file:
        assert file.read_xmp() == {"Xmp.iptcExt.DigitalSourceType": DIGITAL_SOURCE_TYPES + COMPOSITE}
        assert file.read_exif() == {}
        assert file.read_iptc() == {}


@pytest.mark.parametrize(
    ("packet", "term"),
    [
        (xmp_packet("compositeCapture"), "compositeCapture"),
        (b"<x/>", None),
        (b'<d Iptc4xmpExt:DigitalSourceType = "http://example.com/other"/>', "http://example.com/other"),
        (
            "<Iptc4xmpExt:DigitalSourceType>\n http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
            "</Iptc4xmpExt:DigitalSourceType>",
            "digitalCapture",
        ),
        (
            "<ext:DigitalSourceType rdf:resource='https://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia'/>",
            "algorithmicMedia",
        ),
    ],
)
def test_the_mark_is_read_in_all_spellings_of_xmp(packet: Any, term: str | None) -> None:
    assert read_digital_source_type(packet) == term


@pytest.mark.parametrize(
    "hostile",
    [
        b"<a:DigitalSourceType " * 200_000,
        b"<a:DigitalSourceType>" + b" " * 4_000_000,
        b":DigitalSourceType=" * 200_000,
        b"<" * 4_000_000,
    ],
    ids=["many elements", "an element of blanks", "many attributes", "many brackets"],
)
def test_a_hostile_packet_costs_seconds_at_most_and_has_no_mark(hostile: bytes) -> None:
    started = time.process_time()
    assert read_digital_source_type(hostile) is None
    assert time.process_time() - started < 5


def test_a_term_that_could_leave_its_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match="IPTC"):
        xmp_packet('x" onload="')


@pytest.mark.parametrize(
    ("own", "source", "kept"),
    [
        ("compositeCapture", None, "compositeCapture"),
        ("compositeCapture", "digitalCapture", "compositeCapture"),
        ("compositeCapture", "trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
        ("compositeCapture", COMPOSITE, COMPOSITE),
        (COMPOSITE, "compositeSynthetic", COMPOSITE),
        (COMPOSITE, "trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
        ("trainedAlgorithmicMedia", COMPOSITE, "trainedAlgorithmicMedia"),
        (None, "trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
        (None, "digitalCapture", None),
        (None, "http://example.com/other", None),
    ],
)
def test_the_stronger_claim_of_synthesis_is_kept(own: str | None, source: str | None, kept: str | None) -> None:
    assert stronger(own, source) == kept


def marked(form: str, term: str) -> bytes:
    file, packet = io.BytesIO(), xmp_packet(term)
    options: dict[str, Any] = {"xmp": packet}
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        options = {"pnginfo": info}
    elif form == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700] = packet
        options = {"tiffinfo": tags}
    Image.fromarray(still_life(240, 300)[0]).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_photos_own_mark_is_decoded(form: str) -> None:
    assert decode(marked(form, "trainedAlgorithmicMedia"), LIMITS).digital_source_type == "trainedAlgorithmicMedia"


def swapped(data: bytes, kind: SceneKind, *, background: str = "scene") -> SwapResult:
    place = preset(size=(240, 240), background=background, form="png" if background == "transparent" else "jpeg")
    place = replace(place, digital_source_type=None if background == "transparent" else COMPOSITE)
    clock = itertools.count()
    return swap(data, spec(kind, place=place), networks(), limits=LIMITS, clock=lambda: float(next(clock)))


def mark(render: SwapResult) -> str | None:
    with Image.open(io.BytesIO(render.data)) as picture:
        picture.load()
        return read_digital_source_type(picture.info.get("xmp") or b"")


def test_a_generated_product_on_white_is_not_called_a_capture() -> None:
    render = swapped(marked("JPEG", "trainedAlgorithmicMedia"), "white")
    assert mark(render) == "trainedAlgorithmicMedia"
    row = next(row for row in render.report.preset if row.rule == "ai_marking")
    assert (row.measured, row.status) == ("trainedAlgorithmicMedia", "pass")


def test_a_generated_product_cut_out_stays_marked_and_a_captured_one_unmarked() -> None:
    cut = {
        term: mark(swapped(marked("JPEG", term), "white", background="transparent"))
        for term in ("trainedAlgorithmicMedia", "digitalCapture")
    }
    assert cut == {"trainedAlgorithmicMedia": "trainedAlgorithmicMedia", "digitalCapture": None}


def test_a_picture_of_the_service_that_is_swapped_again_keeps_its_mark_even_on_white() -> None:
    first = swapped(marked("JPEG", "digitalCapture"), "sweep")
    assert mark(first) == COMPOSITE
    again = swapped(first.data, "white")
    assert mark(again) == COMPOSITE
