"""Doubtful pieces: a cut-out lists them with pictures, and its owner keeps or drops each."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import FunctionSegmenter, Networks
from service.cutouts.pieces import TILE
from service.database.tables import cutouts
from service.settings import Settings
from service.storage.mask_registry import MaskRegistry
from tests.service.cutouts.conftest import CUTOUTS, Mender, grey_png

#: Top and bottom, left and right of what only the witness sees, in shares of the photo.
CORNERS = ((0.02, 0.16, 0.02, 0.3), (0.02, 0.12, 0.75, 0.98))


@pytest.fixture
def doubter(http: Any, settings: Settings, networks: Networks, request: pytest.FixtureRequest) -> Mender:
    """A client whose worker has one more network, which sees two things that are not there."""

    @FunctionSegmenter
    def seer(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        mask = networks.segmenter(image).copy()
        height, width = mask.shape
        for top, bottom, left, right in CORNERS:
            mask[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = 1
        return mask

    return Mender(http, settings, request.node.name[:100], replace(networks, witness=seer))


def layer_of(mender: Mender, view: dict[str, Any]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    layer = mender.picture(view["pieces_mask_url"])
    return layer[..., 0], layer[..., 1]


def test_a_cut_out_lists_its_doubtful_pieces_with_a_picture_of_each(doubter: Mender) -> None:
    view = doubter.cut_out()

    pieces = view["pieces"]
    assert [one["id"] for one in pieces] == list(range(1, len(pieces) + 1))
    assert len(pieces) >= 2
    assert {(one["kept"], one["answered"]) for one in pieces[:2]} == {(False, False)}
    assert all(0 < one["wrong"] < 1 and one["share"] > 0 for one in pieces)
    numbers, other = layer_of(doubter, view)
    assert numbers.shape == (view["height"], view["width"])
    assert set(np.unique(numbers)) == {0, *(one["id"] for one in pieces)}
    assert (other[numbers == 1] > 127).mean() > 0.9
    sheet = Image.open(io.BytesIO(doubter.http.get(view["pieces_url"]).content))
    assert (sheet.size, sheet.format) == ((TILE * len(pieces), TILE), "JPEG")


def test_a_kept_piece_joins_the_mask_until_no_answer_is_left(doubter: Mender) -> None:
    before = doubter.cut_out()
    path, (numbers, other) = f"{CUTOUTS}/{before['public_id']}/pieces", layer_of(doubter, before)
    network = doubter.picture(before["mask_url"])

    kept = doubter.ask("PUT", path, json={"keep": [1], "drop": [2]}).json()

    assert (kept["cut_by"], kept["confidence"]) == ("mended", 1)
    assert [(one["kept"], one["answered"]) for one in kept["pieces"][:2]] == [(True, True), (False, True)]
    assert np.array_equal(doubter.picture(kept["mask_url"]), np.where(numbers == 1, other, network))
    changed = doubter.ask("PUT", path, json={"keep": [2]}).json()
    assert np.array_equal(doubter.picture(changed["mask_url"]), np.where(numbers == 2, other, network))
    assert [one["answered"] for one in changed["pieces"][:2]] == [False, True]
    agreed = doubter.ask("PUT", path, json={"drop": [1, 2]}).json()
    assert (agreed["cut_by"], agreed["confidence"]) == ("mended", 1), "the owner's word, though nothing changed"
    assert np.array_equal(doubter.picture(agreed["mask_url"]), network)
    undone = doubter.ask("PUT", path, json={}).json()
    assert (undone["cut_by"], undone["pieces"]) == ("network", before["pieces"])


def test_an_answer_leaves_what_the_brush_did_elsewhere(doubter: Mender) -> None:
    view = doubter.cut_out()
    numbers, other = layer_of(doubter, view)
    brushed = doubter.picture(view["mask_url"]).copy()
    brushed[-40:, :60] = 255
    mended = doubter.mend(view["public_id"], grey_png(brushed)).json()
    assert [one["answered"] for one in mended["pieces"][:2]] == [False, False]

    answered = doubter.ask("PUT", f"{CUTOUTS}/{view['public_id']}/pieces", json={"keep": [1]}).json()

    assert np.array_equal(doubter.picture(answered["mask_url"]), np.where(numbers == 1, other, brushed))
    drawn = doubter.mend(view["public_id"], grey_png(brushed)).json()
    assert [(one["kept"], one["answered"]) for one in drawn["pieces"][:2]] == [(False, True), (False, False)]


def test_a_wrong_answer_is_refused_with_the_field_and_the_remedy_and_changes_nothing(doubter: Mender) -> None:
    view = doubter.cut_out()
    path = f"{CUTOUTS}/{view['public_id']}/pieces"

    for said, field, code, remedy in (
        ({"keep": [99]}, "keep", "piece_unknown", "no piece 99. It has 1, 2"),
        ({"keep": [1], "drop": [2, 1]}, "drop", "piece_twice", "Send it once"),
    ):
        refused = doubter.ask("PUT", path, json=said)
        assert refused.status_code == 422
        (fault,) = refused.json()["detail"]
        assert (fault["loc"], fault["type"]) == (["body", field], code)
        assert remedy in fault["msg"]
    assert doubter.shown(view["public_id"])["pieces"] == view["pieces"]


def test_a_cut_out_of_an_older_release_has_no_pieces_to_answer(doubter: Mender) -> None:
    view = doubter.cut_out()
    with doubter.engine.begin() as connection:
        facts = connection.execute(sa.select(cutouts.c.facts).where(cutouts.c.job_id == view["public_id"])).scalar_one()
        del facts["pieces"]
        old = {"pieces_key": None, "sheet_key": None, "facts": facts}
        connection.execute(cutouts.update().where(cutouts.c.job_id == view["public_id"]).values(**old))

    shown = doubter.shown(view["public_id"])

    assert (shown["pieces"], shown["pieces_url"], shown["pieces_mask_url"]) == ([], None, None)
    refused = doubter.ask("PUT", f"{CUTOUTS}/{view['public_id']}/pieces", json={"keep": [1]})
    assert "It has none" in refused.json()["detail"][0]["msg"]
    assert doubter.mend(view["public_id"], grey_png(doubter.picture(view["mask_url"]))).json()["pieces"] == []


def test_the_sweep_keeps_the_pictures_of_pieces_that_a_cut_out_names(doubter: Mender) -> None:
    view = doubter.cut_out()

    MaskRegistry(doubter.engine).mark_unnamed(older_than=0, limit=100)

    assert doubter.shown(view["public_id"])["pieces"] == view["pieces"]
    assert layer_of(doubter, view)[0].any()
    with doubter.engine.connect() as connection:
        row = connection.execute(
            sa.text(
                "SELECT count(*) FROM stored_objects s JOIN cutouts c ON s.key IN (c.pieces_key, c.sheet_key)"
                " WHERE c.job_id = :id AND s.doomed_at IS NULL"
            ),
            {"id": view["public_id"]},
        ).scalar_one()
    assert row == 2
