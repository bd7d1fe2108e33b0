"""Exposure: light so scaled, surface by surface, that the lit part of each shows its asked colour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import LUMINANCE
from pipeline.geometry.ray import Field
from pipeline.light.first_light import FirstLight
from pipeline.scene.layout import Layout

#: A surface's exposure is moved by at most this factor to show its colour.
MAX_GAIN = 4.0
#: Share of the light's own colour that its exposure takes out; the rest stays as the mood's warmth.
NEUTRAL = 0.85
#: Share that is left of how much the light's colour changes on a surface. All of it, its shade is as red as the wall
#: beside it, and what is lit turns to the complement, since the exposure shows the asked colour in the mean. By eye.
UNEVEN = 0.4


@dataclass(frozen=True)
class Exposure:
    """What a layout's light is exposed by, part by part."""

    #: parts×3: what its light is multiplied by, and the colour that its lit part then has, of luminance 1.
    gains: Field
    tints: Field
    #: Share, 0–1, that is left of what the light's colour is off that.
    uneven: float

    @classmethod
    def of(cls, layout: Layout, light: FirstLight, *, by_colour: bool = True) -> "Exposure":
        """Expose light so that the lit part of what has a colour shows that colour itself.

        The lit part: what is brighter than half way between the colour's darkest and brightest twentieth. Real light
        moves colours: path-traced scenes with the asked albedo miss them by a mean ΔE00 of 11.5. Without `by_colour`
        the light stays as it is but for one gain, which shows the median of all lit places at 1.
        """
        given = light.light.reshape(-1, 3)
        part = light.geometry.part
        slots = np.array([thing.slot for thing in layout.parts])
        receives_light = np.array([thing.glow == 0 for thing in layout.parts])
        ones = np.ones((len(layout.parts), 3), np.float32)
        if not by_colour:
            where = receives_light[part].ravel()
            level = float(np.median(given[where] @ LUMINANCE)) if where.any() else 1.0
            gain = np.float32(np.clip(1 / max(level, 1e-4), 1 / MAX_GAIN, MAX_GAIN))
            return cls(np.where(receives_light[:, None], gain, ones), ones, 1.0)
        shown = np.where(receives_light, slots, -1)[part]
        # of each slot, and last of where no light falls
        gains = np.ones((int(slots.max()) + 2, 3), np.float32)
        tints = gains.copy()
        for slot in np.unique(slots):
            where = np.flatnonzero(shown == slot)
            if where.size < 4:
                continue
            # `take` and `compress` take whole pixels, a fourth of the time of an index
            found = np.take(given, where, axis=0)
            bright = found @ LUMINANCE
            low, high = np.quantile(bright, (0.05, 0.95))
            reference = np.median(np.compress(bright >= low + 0.5 * (high - low), found, axis=0), axis=0)
            level = float(reference @ LUMINANCE)
            neutral = NEUTRAL * (0.3 if layout.kind == "neon" else 1.0)
            colour = level * (reference / max(level, 1e-6)) ** neutral
            gains[slot] = np.clip(1 / np.maximum(colour, 1e-4), 1 / MAX_GAIN, MAX_GAIN)
            seen = np.maximum(reference * gains[slot], 1e-4)
            tints[slot] = seen / (seen @ LUMINANCE)
        receiving = receives_light[:, None]
        # Tubes are there to colour what they shine on.
        uneven = 1.0 if layout.kind == "neon" else UNEVEN
        return cls(np.where(receiving, gains[slots], ones), np.where(receiving, tints[slots], ones), uneven)

    def on(self, light: Field, part: NDArray[np.integer]) -> Field:
        """Return …×3 light, radiance over albedo, of parts (…), exposed."""
        out = np.asarray(light * np.take(self.gains, part, axis=0), np.float32)
        if self.uneven < 1:
            grey = np.float32(1 - self.uneven) * (out @ LUMINANCE.astype(np.float32))
            out *= np.float32(self.uneven)
            out += grey[..., None] * np.take(self.tints, part, axis=0)
        return out


def exposed(layout: Layout, light: FirstLight, *, by_colour: bool = True) -> Field:
    """Return h×w×3: the light as its `Exposure` shows it."""
    return Exposure.of(layout, light, by_colour=by_colour).on(light.light, light.geometry.part)
