"""The warnings of pictures as sentences with a remedy, for the command line and tables.

The studio page has its own words for these codes (`service/studio/page/words.js`).
"""

from service.catalogue.effects import WARNED

WORDS = {
    "scene_in_words": "The scene is in your own words, so Backdrop built the nearest scene.",
    "scene_lacks": "Your scene's words name things that Backdrop does not draw. A hub model can paint them.",
    "mood_in_words": "The mood is in your own words. Only a generator that reads prompts uses them.",
    "colors_unused": "Some of your colours were not used: nothing in this preset or scene is painted in them.",
    "brand_unknown": "You have no brand with this name, so it changed nothing in this picture.",
    "low_confidence": "The cut-out is uncertain. Check the outline; a plainer backdrop or more light helps.",
    "transparent_material_suspected": "The product looks transparent. The old background may show through.",
    "several_subjects": "The photo seems to show several things, and all were kept. Crop the photo to keep only one.",
    "held_by_hand": "A hand holds the product. Erase fingers that were left, or photograph the product standing.",
    "subject_touches_edge": "The photo crops the product, so the product stays at that edge of the picture.",
    "scene_unsuited": "The scene does not suit how the product stands, so it is shown from another angle.",
    "placement_unsure": "Backdrop is not sure that all of the product stands. Check that it stands well in the scene.",
    "cropped": "The picture crops a part of the product that the photo shows. Choose a preset of the photo's shape.",
    "frame_overridden": "The photo crops the product, so it stays at the picture's edge against your frame.",
    "copy_space_busy": "The room for copy is not calm. Try another seed or scene, or put a plain shape under the text.",
    "generator_fell_back": "The model's paintings were rejected, so Backdrop composed a background. Try another seed.",
    "background_upscaled": "Your background picture is small, so it was enlarged and looks soft. Send a larger one.",
    "background_busy": "Your background is busy around the product, which draws the eye away. Choose a calmer picture.",
    "layer_moved": "A text or logo had no room at its place, so it was moved. Choose another place, or a smaller size.",
    "layer_reduced": "A text or logo was too large for its place, so it was made smaller. Choose a smaller size.",
    "layer_left_out": "A text or logo had no room beside the product, so it was left out. Allow it over the product.",
    "low_contrast": "A text is hard to read on what is behind it. Use the colour auto, or a plate.",
    "logo_enlarged": "A logo has too few pixels for its size, so it looks soft. Send an SVG or a larger picture.",
    "upscaled": "The photo is smaller than this preset needs, so the product was enlarged. Send a larger photo.",
}
_NAMED = ((code, name) for name, code in WARNED.items() if code not in WORDS)
WORDS |= {code: f"The field {name} had no effect on this picture. Leave it out." for code, name in _NAMED}


def in_words(code: str) -> str:
    """Return a warning as a sentence with its code, or only the code if it is unknown."""
    return f"{WORDS[code]} [{code}]" if code in WORDS else code
