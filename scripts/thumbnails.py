"""Make the studio page's thumbnails of the catalogue that ships again, where a scene, mood or preset has changed.

python -m scripts.thumbnails          only those whose digest in `service/thumbnails/stamps.json` is not the present one
python -m scripts.thumbnails --all    all, after a change of what the pipeline paints
"""

import sys

from service.settings import SHIPPED_THUMBNAILS, load_settings
from service.worker.thumbnails import STAMPS, make_thumbnails


def main() -> None:
    """Write the pictures and their digests, and print one line for each."""
    if "--all" in sys.argv[1:]:
        (SHIPPED_THUMBNAILS / STAMPS).unlink(missing_ok=True)
    settings = load_settings().model_copy(update={"thumbnails": SHIPPED_THUMBNAILS})
    print(make_thumbnails(settings, print), "made")


if __name__ == "__main__":
    main()
