"""Types of fields that several schemas share, each with its description in the API's document."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field, PlainSerializer

from service.jobs.records import JobStatus

#: A time as RFC 3339 in UTC.
Time = Annotated[datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"))]

JobId = Annotated[str, Field(description="ULID of the job, for GET /v1/jobs/{job_id}.")]
RequestId = Annotated[str, Field(description="26-character ULID of the request that made the job.")]
CurrentStatus = Annotated[JobStatus, Field(description="The job's status. SUCCESS and FAILURE are final.")]
Stage = Annotated[
    str | None,
    Field(
        description="The current step of the work, such as segment or background. Null while no worker runs the job."
    ),
]
Progress = Annotated[float, Field(ge=0, le=1, description="Share of the work that is done, from 0 to 1.")]
Attempt = Annotated[int, Field(description="Number of the current or last attempt, from 1. 0 before the first.")]
CreditsCost = Annotated[int, Field(description="Credits charged for the job. 0 for previews and cut-outs.")]
CreditsRefunded = Annotated[int, Field(description="Credits refunded because the job failed; otherwise 0.")]
SubmitReference = Annotated[
    str | None, Field(description="Your own id for the job, from the submit. Null if you sent none.")
]
SubmitMetadata = Annotated[dict[str, str], Field(description="Your own pairs for the job, from the submit.")]

RenderId = Annotated[str, Field(description="Id of the render, for GET /v1/renders/{public_id}.")]
RequestedScene = Annotated[str | None, Field(description="The requested scene: a name of the catalogue, or free text.")]
RequestedMood = Annotated[str | None, Field(description="The requested mood: a name of the catalogue, or free text.")]
PictureWidth = Annotated[int, Field(description="Width of the picture in pixels.")]
PictureHeight = Annotated[int, Field(description="Height of the picture in pixels.")]
FileFormat = Annotated[str, Field(description="File format: jpeg, png, webp or avif.")]
FileBytes = Annotated[int, Field(description="Size of the file in bytes.")]
Sha256 = Annotated[str, Field(description="SHA-256 of the file as 64 hexadecimal digits.")]
UsedPreset = Annotated[str, Field(description="Name of the preset that the picture was made for.")]

UploadKey = Annotated[str, Field(description="Key of the photo. Send it as `source_image_s3_key`.")]
DownloadUrl = Annotated[str, Field(description="Download URL, valid until `url_expires_at`.")]
UrlExpiry = Annotated[Time, Field(description="When `url` stops working.")]
DistinctPictures = Annotated[
    int, Field(description="Number of pictures that differ. Each is one job with one debit, whatever asks for it.")
]
NextCursor = Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page.")]
