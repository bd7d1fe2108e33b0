"""The files that people write for a batch: `spec.toml`, with its exceptions for single photos, and what pages save."""

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from pipeline.colour.notation import parse_colour
from pipeline.core.order import SEED_LIMIT, SwapOrder, photo_place
from service.catalogue.order_options import option_fields


class OrderInvalid(ValueError):
    """Raised if a batch can't be made as ordered. Contains a sentence for each error."""

    def __init__(self, wrong: Sequence[str]) -> None:
        super().__init__("\n".join(wrong))
        self.wrong = tuple(wrong)


@dataclass(frozen=True)
class BatchSpec:
    """The order for all photos, without a preset, and the exceptions: patterns of names with their own options."""

    base: SwapOrder
    special: tuple[tuple[str, dict[str, Any]], ...] = ()

    def of(self, name: str) -> SwapOrder:
        """Return the order for a photo. If several patterns match its name, later patterns win."""
        order = self.base
        for pattern, changes in self.special:
            if fnmatchcase(name, pattern):
                order = order.having(changes | {"sent": order.sent | changes.keys()})
        return order


def _is_colour(value: Any) -> Any:
    if isinstance(value, str):
        parse_colour(value)
    return value


Text = Annotated[str, Field(min_length=1, max_length=120)]
Colours = Annotated[list[Annotated[str, BeforeValidator(_is_colour)]], Field(max_length=6)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT, strict=True)]
Subject = Annotated[list[float], AfterValidator(lambda numbers: list(photo_place(numbers)))]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colors: Colours | None = None
    brand: Text | None = None
    seed: Seed | None = None
    subject: Subject | None = None

    def given(self) -> dict[str, Any]:
        """Return the options that are set, as `SwapOrder.having` takes them."""
        options = self.model_dump(exclude={"name", "photo"}, exclude_none=True)
        return options | {name: tuple(options[name]) for name in ("colors", "subject") if name in options}


_ALL: Any = create_model("_All", __base__=_Options, **option_fields())


class _Photo(_ALL):
    name: Text
    scene: Text | None = None
    mood: Text | None = None


class _File(_ALL):
    scene: Text
    mood: Text
    photo: list[_Photo] = Field(default_factory=list)


def read_spec(path: Path, *, brand: str | None = None) -> BatchSpec:
    """Read a spec file. `brand` takes precedence over the file's own. Raises OrderInvalid with all errors."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OrderInvalid([f"{path}: {error.strerror}."]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OrderInvalid([f"{path} is not valid TOML: {error}."]) from error
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise OrderInvalid([f"{path.name}: {_sentence(dict(one))}" for one in error.errors()]) from error
    given = file.given()
    base = SwapOrder("", "", "").having(given | ({"brand": brand} if brand else {}) | {"sent": frozenset(given)})
    return BatchSpec(base, tuple((one.name, one.given()) for one in file.photo))


def unmatched(spec: BatchSpec, names: Iterable[str]) -> list[str]:
    """Return a sentence for each pattern that matches none of the photos."""
    there = list(names)
    found = []
    for index, (pattern, _) in enumerate(spec.special):
        if not any(fnmatchcase(name, pattern) for name in there):
            near = difflib.get_close_matches(pattern, there, n=2, cutoff=0.5)
            hint = f" The nearest are: {', '.join(near)}." if near else " Names are relative to the folder of photos."
            found.append(f"photo[{index}].name: no photo has the name {pattern!r}.{hint}")
    return found


def _sentence(error: dict[str, Any]) -> str:
    loc: tuple[str | int, ...] = error["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")
    known = (_Photo if loc[0] == "photo" and len(loc) > 1 else _File).model_fields
    match error["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(str(loc[-1]), known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(known)}."
            return f"{key}: unknown key. {hint}"
        case "missing":
            example = {"scene": "podium", "mood": "calm", "name": "jar.jpg"}.get(str(loc[-1]), "…")
            return f'{key}: missing. Write {loc[-1]} = "{example}".'
        case "too_long":
            return f"{key}: too many colours. Give at most six."
        case "value_error":
            return f"{key}: {error['msg'].removeprefix('Value error, ').removesuffix('.')}."
    received = f" It is {error['input']!r}." if error["type"] == "literal_error" else ""
    return f"{key}: {error['msg']}.{received}"


#: An owner's word on a photo's pieces, by number.
Answer = dict[Literal["keep", "drop"], list[int]]


class Choice(BaseModel):
    """The decision about one picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    photo: str
    preset: str
    #: Hash of the reviewed picture. Another picture since then is not the reviewed one, even if it looks the same.
    sha256: str
    seed: int
    choice: Literal["approve", "reject", "again"]


class Review(BaseModel):
    """A person's choices in a contact sheet, as its page saves them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    #: The batch's own id, `State.run_id`.
    batch: str
    choices: list[Choice]


def read_review(path: Path, batch: str) -> Review:
    """Read a review of a batch. Raises OrderInvalid for any other file and for another batch's review."""
    try:
        review = Review.model_validate_json(path.read_bytes())
    except OSError as error:
        raise OrderInvalid([f"{path}: {error.strerror}."]) from error
    except ValidationError as error:
        raise OrderInvalid([f"{path} is not a review. Save one from the contact sheet."]) from error
    if review.batch != batch:
        raise OrderInvalid([f"{path} is a review of another batch. Use the -o of that batch."])
    return review
