"""Who makes the pictures of a batch: `service.batch.at_server` or `service.batch.here`."""

from collections.abc import Callable
from typing import Protocol

from service.batch.manifest.outcome import Made
from service.batch.manifest.pairs import Pair

#: Called as tell(where the pair stands in a word or three, fraction 0–1).
Tell = Callable[[str, float], None]

#: Stages in which a photo's cut-out is not there yet. From the next one on another swap of the photo finds it.
BEFORE_CUTOUT = {"upload", "submit", "queued", "started", "networks", "fetch", "decode", "segment", "refine"}


class Maker(Protocol):
    """Makes one picture after the other, or several at once."""

    async def make(self, pair: Pair, tell: Tell) -> Made:
        """Return the picture, which lies in the output folder then. Raises Failure for this pair alone."""
