"""Reasons why a swap can fail. `Rejected`: the photo is at fault, so no retry; any other: Backdrop is at fault.

`code` is stable and reaches the caller. The message is a sentence for a person and says what to do.
"""


class PipelineError(Exception):
    """Any failure of a stage. `code` is stable, `str(error)` is a sentence for the caller."""

    code = "pipeline_failed"


class Rejected(PipelineError):
    """Raised when the photo itself can't be used; a retry gives the same answer."""


class ImageUnreadable(Rejected):
    """Raised when Backdrop can't decode the bytes as a picture, even if their name or header looks right."""

    code = "image_unreadable"


class ImageTruncated(Rejected):
    """Raised when the picture ends before its pixels do."""

    code = "image_truncated"


class PhotoDamaged(Rejected):
    """Raised when the picture ends properly but has fewer pixels than its header says."""

    code = "photo_damaged"


class ImageTooLarge(Rejected):
    """Raised when the picture exceeds the limits on bytes or pixels."""

    code = "image_too_large"


class ImageTooSmall(Rejected):
    """Raised when the picture has too few pixels to show a product."""

    code = "image_too_small"


class NoSubject(Rejected):
    """Raised when no product stands out in the photo."""

    code = "no_subject"


class SubjectNotFound(Rejected):
    """Raised when nothing stands out where the caller says that the product is."""

    code = "subject_not_found"


class NoHonestPlacement(Rejected):
    """Raised when the photo crops the product so that it would float, or be cropped again, in the requested scene."""

    code = "no_honest_placement"


class NotAccepted(Rejected):
    """Raised when no try of the picture keeps the limits that its order has."""

    code = "not_accepted"


class LayerUnusable(Rejected):
    """Raised when a logo can't be drawn, or a layer's font is missing that was there when the order was accepted."""

    code = "layer_unusable"


class ModelFailed(PipelineError):
    """Raised when a network fails or returns an invalid picture."""

    code = "model_failed"


class PaintingWithheld(ModelFailed):
    """Raised when a model's own safety checker withholds its painting."""


class GeneratorRejected(PipelineError):
    """Raised when every painting of the generator was rejected and no fallback is allowed."""

    code = "generator_rejected"


class OutOfMemory(PipelineError):
    """Raised when the device has too little memory for the requested picture."""

    code = "out_of_memory"
