"""What a picture's warnings mean, in a sentence with the remedy, for those who read text: command line and tables.

The studio page has words of its own for the same codes (`service/studio/words.js`).
"""

#: By code.
WORDS = {
    "scene_in_words": "The scene is in your own words: the nearest of the studio's scenes was built.",
    "mood_in_words": "The mood is in your own words: where no network reads them, the light is an ordinary one.",
    "colors_unused": "Your colours were not used: this preset or scene has a background without colours.",
    "brand_unknown": "There was no brand of that name: it changed nothing in this picture.",
    "low_confidence": "The cut-out is uncertain: look at the outline. A plainer backdrop or more light helps.",
    "transparent_material_suspected": "This looks see-through: the old background may shimmer through.",
    "several_subjects": "There seems to be more than one thing in the photo, and all was kept: crop it if not meant.",
    "held_by_hand": "A hand holds the product: fingers may be left on it. Erase them, or photograph it standing.",
    "subject_touches_edge": "The photo cuts the product: it stays at that edge of the picture.",
    "scene_unsuited": "The scene is shown from another angle: as asked it does not suit how the product stands.",
    "placement_unsure": "The photo does not tell how the product stands: look whether it stands well in the scene.",
    "cropped": "The picture cuts off a part of the product that the photo shows: take a preset of the photo's shape.",
    "generator_fell_back": "The model's paintings were rejected, and a background was composed: try another seed.",
    "upscaled": "The photo is smaller than this preset asks for, and the product was enlarged: send a larger one.",
}


def in_words(code: str) -> str:
    """Return a warning as a sentence, with its code; one that a newer server tells of is the code alone."""
    return f"{WORDS[code]} [{code}]" if code in WORDS else code
