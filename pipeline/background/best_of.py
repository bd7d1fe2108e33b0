"""Best-of-n search: if a background misses the asked colours, Backdrop tries other seeds and keeps the best.

Each candidate is judged on a small picture, measured as the report measures the delivered file.
"""

from pipeline.background.by_light import by_light
from pipeline.background.by_picture import by_picture
from pipeline.background.scene_context import SceneContext
from pipeline.background.selection import Aim, Means, Selection
from pipeline.colour.asked import asked_colours
from pipeline.core.spec import Spec


def search(spec: Spec, context: SceneContext, means: Means) -> Selection:
    """Search for the best of n backgrounds: paint them for the context's canvas until one suits.

    Each measured picture includes the context's postprocessing and the product's effects, as the delivered file does.
    Further seeds derive from the spec's own, so that the same spec gives the same picture.

    A generator of pictures paints `networks.paintings` times at most. If it holds products, a background in which the
    product has grown is rejected. So is a background that its safety checker withheld. Then another seed is tried, the
    last one with less noise. If all are rejected and the networks fall back, the renderer's own background is used.

    Raises GeneratorRejected, and the errors of `pipeline.background.paint.paint_background`.
    """
    aim, generator = Aim(spec, context, means), means.networks.generator
    count = 1 + (means.control.retries if asked_colours(spec).by_caller else 0)
    if generator.capabilities.paints == "light":
        return by_light(aim, generator, means.on_step, count)
    return by_picture(aim, count)
