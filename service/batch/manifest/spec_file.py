"""What a batch is asked for: `spec.toml`, with what single photos have otherwise."""

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipeline.colour.notation import parse_colour
from pipeline.core.spec import SEED_LIMIT, PhotoPlace, StanceWord, photo_place


class OrderInvalid(ValueError):
    """Raised when a batch can't be made as it was asked for; holds everything that is wrong, a sentence each."""

    def __init__(self, wrong: Sequence[str]) -> None:
        super().__init__("\n".join(wrong))
        self.wrong = tuple(wrong)


@dataclass(frozen=True)
class SwapOptions:
    """The options of a swap, but for the place of publication."""

    scene: str
    mood: str
    colors: tuple[str, ...] = ()
    brand: str | None = None
    seed: int | None = None
    stance: StanceWord = "auto"
    #: Which product of the photo is meant.
    subject: PhotoPlace | None = None


@dataclass(frozen=True)
class Order:
    """The options for all photos, and for some: a pattern of their names with what differs."""

    base: SwapOptions
    special: tuple[tuple[str, dict[str, Any]], ...] = ()

    def of(self, name: str) -> SwapOptions:
        """Return the options for a photo; where several patterns match its name, the later ones have the last word."""
        options = self.base
        for pattern, changes in self.special:
            if fnmatchcase(name, pattern):
                options = replace(options, **changes)
        return options


def _is_colour(value: Any) -> Any:
    if isinstance(value, str):
        parse_colour(value)
    return value


Text = Annotated[str, Field(min_length=1, max_length=120)]
Colours = Annotated[list[Annotated[str, BeforeValidator(_is_colour)]], Field(max_length=6)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT, strict=True)]
Subject = Annotated[list[float], AfterValidator(lambda numbers: list(photo_place(numbers)))]


class _Photo(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Text
    scene: Text | None = None
    mood: Text | None = None
    colors: Colours | None = None
    brand: Text | None = None
    seed: Seed | None = None
    stance: StanceWord | None = None
    subject: Subject | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    scene: Text
    mood: Text
    colors: Colours = Field(default_factory=list)
    brand: Text | None = None
    seed: Seed | None = None
    stance: StanceWord = "auto"
    subject: Subject | None = None
    photo: list[_Photo] = Field(default_factory=list)


def read_order(path: Path, *, brand: str | None = None) -> Order:
    """Read a spec file; `brand` comes before the file's own. Raises OrderInvalid with everything that is wrong."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OrderInvalid([f"{path}: {error.strerror}."]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OrderInvalid([f"{path} is no TOML: {error}."]) from error
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise OrderInvalid([f"{path.name}: {_sentence(dict(one))}" for one in error.errors()]) from error
    subject = tuple(file.subject) if file.subject else None
    base = SwapOptions(file.scene, file.mood, tuple(file.colors), brand or file.brand, file.seed, file.stance, subject)
    special = []
    for one in file.photo:
        changes = one.model_dump(exclude={"name"}, exclude_none=True)
        changes |= {key: tuple(changes[key]) for key in ("colors", "subject") if key in changes}
        special.append((one.name, changes))
    return Order(base, tuple(special))


def unmatched(order: Order, names: Iterable[str]) -> list[str]:
    """Return a sentence for each pattern that matches none of the photos."""
    there = list(names)
    found = []
    for index, (pattern, _) in enumerate(order.special):
        if not any(fnmatchcase(name, pattern) for name in there):
            near = difflib.get_close_matches(pattern, there, n=2, cutoff=0.5)
            hint = f" The nearest are: {', '.join(near)}." if near else " Names are relative to the folder of photos."
            found.append(f"photo[{index}].name: no photo is called {pattern!r}.{hint}")
    return found


def _sentence(error: dict[str, Any]) -> str:
    loc: tuple[str | int, ...] = error["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")
    known = (_Photo if loc[0] == "photo" and len(loc) > 1 else _File).model_fields
    match error["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(loc[-1]), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
            return f"{key}: there is no such key. {hint}"
        case "missing":
            example = {"scene": "podium", "mood": "calm", "name": "jar.jpg"}.get(str(loc[-1]), "…")
            return f'{key}: it is missing. Write {loc[-1]} = "{example}".'
        case "too_long":
            return f"{key}: at most six colours."
        case "value_error":
            return f"{key}: {error['msg'].removeprefix('Value error, ').removesuffix('.')}."
    received = f" It is {error['input']!r}." if error["type"] == "literal_error" else ""
    return f"{key}: {error['msg']}.{received}"
