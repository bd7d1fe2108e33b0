"""Why a swap can fail. `Rejected` is the photo's fault and never retried; all else is ours.

`code` is stable and reaches the caller; the message is a sentence for a person, with the remedy.
"""


class PipelineError(Exception):
    """Any failure of a stage. `code` is stable, `str(error)` is a sentence for the caller."""

    code = "pipeline_failed"


class Rejected(PipelineError):
    """Raised when the photo itself can't be used; trying again gives the same answer."""


class ImageUnreadable(Rejected):
    """Raised when the bytes are no picture that we decode, whatever their name or header says."""

    code = "image_unreadable"


class ImageTruncated(Rejected):
    """Raised when the picture ends before its pixels do."""

    code = "image_truncated"


class PhotoDamaged(Rejected):
    """Raised when the picture is closed properly, and has fewer pixels than its header says."""

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
    """Raised when the photo cuts the product so that it would hang in the air, or be cut again, in what is asked."""

    code = "no_honest_placement"


class ModelFailed(PipelineError):
    """Raised when a network fails or answers with something that is no picture."""

    code = "model_failed"


class PaintingWithheld(ModelFailed):
    """Raised when a model's own safety checker withholds what it painted."""


class GeneratorRejected(PipelineError):
    """Raised when no painting of the generator can be delivered, and nothing may be in its place."""

    code = "generator_rejected"


class OutOfMemory(PipelineError):
    """Raised when the device has too little memory for the picture asked."""

    code = "out_of_memory"
