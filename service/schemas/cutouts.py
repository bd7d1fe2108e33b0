"""The bodies and answers of cut-outs."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from litestar.datastructures import State
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.spec import SceneKind
from pipeline.placement.facts import StanceName
from service.catalogue.catalogue import Catalogue
from service.catalogue.swap_request import OneSource, Subject
from service.cutouts.records import MESSAGES, CutBy, Cutout
from service.jobs.records import KeptFacts
from service.schemas.fields import CurrentStatus, JobId, NextCursor, RequestId, SubmitReference, Time
from service.schemas.problems import AnyRequest
from service.schemas.responses import JobError
from service.schemas.serialize import base_url
from service.storage.objects import Bucket


class CutoutRequest(OneSource):
    """The photo to cut out: exactly one of the two sources."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "source_image_s3_key": "uploads/01J9ZC4T7M3X6V2Q8R5N1B0KAD/01J9ZC5A1GZ7W6Y4T3S2R1Q0PN.jpg"
    }

    source_render_public_id: str | None = Field(
        None, max_length=64, description="Public id of an earlier render. Backdrop cuts out the photo behind it."
    )

    subject: Subject | None = Field(
        None,
        description="The product that you mean: a point on it (x, y), or a box around it (left, top, right, bottom)."
        " Give shares from 0 to 1 of the upright photo's width and height. Backdrop chooses among the products that it"
        " found, and looks again if it found none there. If it still finds none, the job fails as subject_not_found."
        " The choice applies to all later swaps of this photo. Null: all products that stand out.",
        examples=[[0.42, 0.55]],
    )


class KeptSubjects(BaseModel):
    """The subjects of a cut-out that you want to keep."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {"keep": [1]}

    keep: list[int] = Field(
        min_length=1, max_length=100, description="Ids from `subjects`. Send all ids to undo an earlier choice."
    )


class BoxView(BaseModel):
    """A box, in pixels of the upright photo."""

    left: int = Field(description="Left edge, in pixels from the photo's left.")
    top: int = Field(description="Upper edge, in pixels from the photo's top.")
    width: int = Field(description="Width of the box in pixels of the upright photo.")
    height: int = Field(description="Height of the box in pixels of the upright photo.")


class CutoutWarning(BaseModel):
    """A possible fault of a cut-out, and its places."""

    code: str = Field(description="Stable name of the warning, such as low_confidence.")
    message: str = Field(description="A sentence for a person.")
    boxes: list[BoxView] = Field(description="The places in the photo; empty if it has no particular place.")


class SubjectView(BaseModel):
    """One of the separate things that the networks found."""

    id: int = Field(description="Number of the subject, starting at 1 with the largest.")
    box: BoxView = Field(description="Box around the subject.")
    share: float = Field(ge=0, le=1, description="Its share of the area of all subjects, from 0 to 1.")
    kept: bool = Field(description="Whether the mask includes it.")


class PieceAnswers(BaseModel):
    """All your answers to the doubtful pieces of a cut-out. Pieces that you leave out are as the networks see them."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {"keep": [1], "drop": []}

    keep: list[int] = Field([], max_length=20, description="Ids from `pieces` that belong to the product.")
    drop: list[int] = Field([], max_length=20, description="Ids from `pieces` that don't belong to it.")


class PieceView(BaseModel):
    """A piece of the photo about which the networks are in doubt."""

    id: int = Field(description="Number of the piece, starting at 1 with the weightiest.")
    box: BoxView = Field(description="Box around the piece.")
    share: float = Field(ge=0, description="Its area, as a share of the product's.")
    kept: bool = Field(description="Whether the mask includes it now.")
    wrong: float = Field(ge=0, le=1, description="Probability, from 0 to 1, that the networks' word about it is wrong.")
    answered: bool = Field(description="Whether you kept or dropped it.")


class CutoutView(BaseModel):
    """A cut-out: its job, its subjects, its doubts, and URLs of its pictures."""

    public_id: str = Field(description="Id of the cut-out, for GET /v1/cutouts/{public_id}. It equals `job_id`.")
    job_id: JobId
    request_id: RequestId
    status: CurrentStatus
    credits_cost: int = Field(description="Always 0: cut-outs are free.")
    error: JobError | None = Field(description="Why the job failed; null unless the status is FAILURE.")
    reference: SubmitReference
    source_image_s3_key: str | None = Field(description="Key of the photo that you sent; null if you sent a render.")
    source_render_public_id: str | None = Field(description="Id of the render that you sent; null if you sent a photo.")
    width: int | None = Field(
        description="Width of the upright photo in pixels. Null until SUCCESS, as are all other results."
    )
    height: int | None = Field(description="Height of the upright photo in pixels. Null until SUCCESS.")
    confidence: float | None = Field(
        ge=0,
        le=1,
        description="Probability, from 0 to 1, that the cut-out's outline is right. It is 1 if you gave the mask, or"
        " answered pieces.",
    )
    cut_by: CutBy = Field(
        description="The origin of the photo's mask: the networks, you, or your choice of subjects. It applies to every"
        " later swap of the same bytes, even if you set it through another cut-out."
    )
    warnings: list[CutoutWarning] = Field(description="Possible faults of the cut-out. Empty if Backdrop found none.")
    product_box: BoxView | None = Field(
        description="Box around the pixels that the mask covers by more than half; null if there are none."
    )
    subjects: list[SubjectView] = Field(description="The separate things that the networks found, the largest first.")
    pieces: list[PieceView] = Field(
        description="Pieces that the networks doubt. Keep or drop each with PUT /v1/cutouts/{public_id}/pieces."
    )
    cut_sides: list[Literal["left", "top", "right", "bottom"]] = Field(
        description="Sides of the photo at which the product is cropped."
    )
    stance: StanceName | None = Field(
        description="Stance of the product, estimated from the photo. The `stance` of a submit overrides it."
    )
    suitable_scene_kinds: list[SceneKind] = Field(description="Suitable values of `kind` in GET /v1/scene-types.")
    suitable_scene_types: list[str] = Field(description="Names of the catalogue's scenes of these kinds.")
    mask_url: str | None = Field(description="PNG of the photo's size with 8 bits of grey. White is product.")
    preview_url: str | None = Field(description="PNG with transparency, at most 1600 pixels on the longer side.")
    pieces_url: str | None = Field(
        description="JPEG of one row: a picture of 160 by 160 pixels for each piece, in order. Null without pieces."
    )
    pieces_mask_url: str | None = Field(
        description="PNG of the photo's size, grey with alpha. The grey is the number of the piece at a pixel, or 0."
        " The alpha is the mask there after the answer that the networks did not give. Null without pieces."
    )
    url_expires_at: Time | None = Field(description="When these URLs stop working. Null until SUCCESS.")
    created_at: Time = Field(description="When the cut-out was submitted.")
    expires_at: Time | None = Field(
        description="When Backdrop deletes it, its photo and your mask, unless the photo is used again. Null: never."
    )


class CutoutPage(BaseModel):
    """A page of cut-outs, newest first."""

    items: list[CutoutView] = Field(description="The cut-outs of this page, newest first.")
    next_cursor: NextCursor


def serialize_cutout(request: AnyRequest, state: State, cutout: Cutout) -> CutoutView:
    """Return a cut-out for an answer, with new download URLs."""
    objects: Bucket = state.renders
    catalogue: Catalogue = state.catalogue.of(request.state.client.catalogue)
    found, shown = cutout.found, cutout.shown
    facts: KeptFacts = shown.facts if shown else {}
    product = facts.get("product_box")
    urls = [
        objects.download_url(key, "image/jpeg" if key.endswith("jpg") else "image/png", base_url(request))
        for key in _keys(cutout)
    ]
    known = found.facts.get("pieces", []) if found else []
    suits = facts.get("suits", [])
    return CutoutView(
        public_id=cutout.job_id,
        job_id=cutout.job_id,
        request_id=cutout.request_id,
        status=cutout.status,
        credits_cost=0,
        error=JobError(code=cutout.error_code, message=cutout.error_message or "") if cutout.error_code else None,
        reference=cutout.reference,
        source_image_s3_key=cutout.asked["source_image_s3_key"],
        source_render_public_id=cutout.asked["source_render_public_id"],
        width=found.width if found else None,
        height=found.height if found else None,
        confidence=facts.get("confidence"),
        cut_by=cutout.cut_by,
        warnings=[
            CutoutWarning(
                code=one["code"],
                message=MESSAGES.get(one["code"], one["code"]),
                boxes=[_box(box) for box in one["boxes"]],
            )
            for one in facts.get("warnings", [])
        ],
        product_box=_box(product) if product else None,
        subjects=[
            SubjectView(id=one["id"], box=_box(one["box"]), share=one["share"], kept=one["kept"])
            for one in facts.get("subjects", [])
        ],
        pieces=[PieceView(**{**one, "box": _box(one["box"])}) for one in facts.get("pieces", known)],
        cut_sides=facts.get("cut_sides", []),
        stance=facts.get("stance"),
        suitable_scene_kinds=suits,
        suitable_scene_types=[scene.name for scene in catalogue.scenes.values() if scene.kind in suits],
        mask_url=urls[0].url if urls else None,
        preview_url=urls[1].url if urls else None,
        pieces_url=urls[2].url if urls[2:] else None,
        pieces_mask_url=urls[3].url if urls[3:] else None,
        url_expires_at=urls[0].expires_at if urls else None,
        created_at=cutout.created_at,
        expires_at=cutout.expires_at,
    )


def _keys(cutout: Cutout) -> tuple[str, ...]:
    if cutout.shown is None or cutout.found is None:
        return ()
    doubts = cutout.found.sheet_key, cutout.found.pieces_key
    return cutout.shown.mask_key, cutout.shown.preview_key, *(key for key in doubts if key)


def _box(box: Sequence[int]) -> BoxView:
    left, top, right, bottom = box
    return BoxView(left=left, top=top, width=right - left, height=bottom - top)
