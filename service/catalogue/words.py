"""The words of a scene or mood in free text: what of the catalogue they name, and what else they name."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from pipeline.colour.notation import parse_colour
from pipeline.core.spec import Finish, PropName

#: By table of words.toml, the phrase that names each key, in the text's order.
Named = Mapping[str, Mapping[str, str]]
#: Before a phrase that the text rules out, as in "no plants".
_NOT = re.compile(r"\b(?:no|without) (?:any )?$")


@dataclass(frozen=True)
class Words:
    """What words.toml says."""

    #: By table, each key with its phrases.
    tables: Mapping[str, Mapping[str, tuple[str, ...]]]
    #: Table and key of each phrase.
    rows: Mapping[str, tuple[str, str]]
    #: A known phrase as the group `known`, else any word.
    pattern: re.Pattern[str]

    def read(self, text: str) -> tuple[Named, tuple[str, ...]]:
        """Return what a text names, the longest phrases first, and the phrases that are in no row.

        Neighbours that are in no row are one phrase. What the text rules out is not named.
        """
        text = re.sub(r"[\s_-]+", " ", text.casefold().replace("\u2019", "'"))
        found: dict[str, dict[str, str]] = {table: {} for table in self.tables}
        lacking, end = list[str](), -1
        for hit in self.pattern.finditer(text):
            if _NOT.search(text[: hit.start()]):
                continue
            if hit["known"] is None:
                joined = f"{lacking.pop()} {hit[0]}" if hit.start() == end + 1 and lacking else hit[0]
                lacking.append(joined)
                end = hit.end()
            else:
                table, key = self.rows[hit["known"]]
                found[table].setdefault(key, hit[0])
        return found, tuple(dict.fromkeys(lacking))

    def faults(self, scenes: Collection[str], moods: Collection[str]) -> Iterator[str]:
        """Yield a sentence for each key that names nothing of the catalogue or of the pipeline."""
        known = {"places": scenes, "moods": moods, "materials": get_args(Finish), "props": get_args(PropName)}
        for table, names in known.items():
            for key in self.tables[table].keys() - set(names):
                yield f"words.toml: {table}: {key!r} is unknown. Use one of {', '.join(names)}."


@cache
def load_words() -> Words:
    """Read words.toml. Raises ValueError for a phrase in two rows, and for a colour that is none."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    tables["colors"] = {parse_colour(colour): phrases for colour, phrases in tables["colors"].items()}
    rows = dict[str, tuple[str, str]]()
    for table, keys in tables.items():
        for key, phrases in keys.items():
            for phrase in phrases:
                if rows.setdefault(phrase, (table, key)) != (table, key):
                    raise ValueError(f"words.toml: {phrase!r} is in {rows[phrase]} and {(table, key)}. Keep one.")
    known = "|".join(map(re.escape, sorted(rows, key=len, reverse=True)))
    return Words(tables, rows, re.compile(rf"\b(?P<known>{known})(?:'s|e?s)?\b|[^\W_]+(?:'\w+)?"))
