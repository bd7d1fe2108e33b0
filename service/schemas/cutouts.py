"""Cut-outs at the API: the bodies that ask for one and mend it, and what is answered."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from litestar.datastructures import State
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipeline.core.order import photo_place
from pipeline.core.spec import SceneKind
from pipeline.placement.facts import StanceName
from service.catalogue.catalogue import Catalogue
from service.cutouts.records import MESSAGES, CutBy, Cutout
from service.jobs.records import JobStatus, KeptFacts
from service.schemas.problems import AnyRequest
from service.schemas.responses import JobError, Time
from service.schemas.serialize import base_url
from service.storage.objects import Bucket


class CutoutRequest(BaseModel):
    """A photo to be cut out: exactly one of the two."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "source_image_s3_key": "uploads/01J9ZC4T7M3X6V2Q8R5N1B0KAD/01J9ZC5A1GZ7W6Y4T3S2R1Q0PN.jpg"
    }

    source_image_s3_key: str | None = Field(
        None, max_length=512, description="Key of the uploaded product photo, as POST /v1/uploads gave it."
    )
    source_render_public_id: str | None = Field(
        None, max_length=64, description="Public id of an earlier render: its photo is cut out."
    )

    subject: list[float] | None = Field(
        None,
        description="Which product is meant: a point on it, x and y, or a box around it, left, top, right and bottom;"
        " shares from 0 to 1 of the upright photo's width and height. It chooses among what is found; where"
        " nothing is found, the networks look again. With nothing there the job fails as"
        " subject_not_found. The choice is that photo's from then on, as one by numbers is. Null: all that stands out.",
        examples=[[0.42, 0.55]],
    )

    @field_validator("subject")
    @classmethod
    def _place(cls, numbers: list[float] | None) -> list[float] | None:
        if numbers is None:
            return None
        try:
            return list(photo_place(numbers))
        except ValueError as error:
            raise PydanticCustomError("subject_invalid", "{reason}", {"reason": str(error)}) from error

    @model_validator(mode="after")
    def _one_source(self) -> "CutoutRequest":
        given = [name for name in (self.source_image_s3_key, self.source_render_public_id) if name]
        if not given:
            raise PydanticCustomError(
                "source_missing", "Give exactly one source: source_image_s3_key or source_render_public_id"
            )
        if len(given) > 1:
            raise PydanticCustomError(
                "source_ambiguous", "Give source_image_s3_key or source_render_public_id, not both"
            )
        return self


class KeptSubjects(BaseModel):
    """The subjects of a cut-out that are meant."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {"keep": [1]}

    keep: list[int] = Field(min_length=1, max_length=100, description="Ids of `subjects`. All of them: no choice.")


class BoxView(BaseModel):
    """A box in pixels of the upright photo."""

    left: int
    top: int
    width: int
    height: int


class CutoutWarning(BaseModel):
    """Something that may be wrong with a cut-out, and where."""

    code: str
    message: str = Field(description="A sentence for a person.")
    boxes: list[BoxView] = Field(description="Where it is seen; empty: all over, or at no one place.")


class SubjectView(BaseModel):
    """One of the things that a mask shows, as far as they lie apart."""

    id: int = Field(description="From 1 on, the largest first.")
    box: BoxView
    share: float = Field(ge=0, le=1, description="Share of all that was found.")
    kept: bool = Field(description="Whether it is in the mask.")


class CutoutView(BaseModel):
    """A cut-out: its job, what was found, and what it looks like."""

    public_id: str
    job_id: str
    request_id: str
    status: JobStatus
    credits_cost: int = Field(description="0: a cut-out costs nothing.")
    error: JobError | None
    reference: str | None = Field(description="The `reference` of its submit.")
    source_image_s3_key: str | None
    source_render_public_id: str | None
    width: int | None = Field(description="Pixels of the upright photo; null until SUCCESS, as all that was found.")
    height: int | None
    confidence: float | None = Field(ge=0, le=1, description="How sure it is; 1 of a mask that was given.")
    cut_by: CutBy = Field(
        description="Whose mask the photo has: the networks', one that was given, or some subjects alone. It holds for"
        " every later swap of the same bytes, whichever cut-out it was given to."
    )
    warnings: list[CutoutWarning]
    product_box: BoxView | None = Field(description="Around what is covered by more than half; null: nothing is.")
    subjects: list[SubjectView]
    cut_sides: list[Literal["left", "top", "right", "bottom"]] = Field(description="Sides of the photo that cut it.")
    stance: StanceName | None = Field(description="Our guess from the photo; `stance` of a submit beats it.")
    suitable_scene_kinds: list[SceneKind] = Field(description="Kinds of scene (`kind` of GET /v1/scene-types).")
    suitable_scene_types: list[str] = Field(description="The catalogue's scenes of these kinds, by name.")
    mask_url: str | None = Field(description="PNG of the photo's size, 8 bits of grey: white is the product.")
    preview_url: str | None = Field(description="PNG, true transparency, 1600 pixels on the longer side at most.")
    url_expires_at: Time | None
    created_at: Time
    expires_at: Time | None = Field(
        description="When it goes, with its photo and the mask that was given, unless the photo is used again; null:"
        " it is kept."
    )


class CutoutPage(BaseModel):
    """Cut-outs, newest first."""

    items: list[CutoutView]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null: this is the last one.")


def serialize_cutout(request: AnyRequest, state: State, cutout: Cutout) -> CutoutView:
    """Serialize a cut-out, with URLs made for this answer."""
    objects: Bucket = state.renders
    catalogue: Catalogue = state.catalogue
    found, shown = cutout.found, cutout.shown
    facts: KeptFacts = shown.facts if shown else {}
    product = facts.get("product_box")
    urls = [objects.download_url(key, "image/png", base_url(request)) for key in _keys(cutout)]
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
        cut_sides=facts.get("cut_sides", []),
        stance=facts.get("stance"),
        suitable_scene_kinds=suits,
        suitable_scene_types=[scene.name for scene in catalogue.scenes.values() if scene.kind in suits],
        mask_url=urls[0].url if urls else None,
        preview_url=urls[1].url if urls else None,
        url_expires_at=urls[0].expires_at if urls else None,
        created_at=cutout.created_at,
        expires_at=cutout.expires_at,
    )


def _keys(cutout: Cutout) -> tuple[str, ...]:
    return (cutout.shown.mask_key, cutout.shown.preview_key) if cutout.shown else ()


def _box(box: Sequence[int]) -> BoxView:
    left, top, right, bottom = box
    return BoxView(left=left, top=top, width=right - left, height=bottom - top)
