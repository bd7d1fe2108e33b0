"""An order's options as the fields of a JSON object: in a brand, in an order of many pictures, in a batch's file."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model

from pipeline.core.order import OptionRecord, all_options, options_of
from pipeline.delivery.acceptance import AcceptanceLimits
from pipeline.lettering.layers import MAX_LAYERS, keys


def _as_text(value: Any) -> Any:
    """Return a list of layers or an object of limits as its JSON text, in one notation."""
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return value


def _key_field(kind: Any, bounds: tuple[float, float], description: str) -> Any:
    """Return a pydantic field for a layer's key. The bounds of a text are those of its length."""
    least, most = bounds
    if kind in (int, float):
        return kind, Field(None, ge=least, le=most, description=description)
    if kind is str:
        return kind, Field(None, min_length=int(least), max_length=int(most), description=description)
    return kind, Field(None, description=description)


#: A layer, for the API's document. `pipeline.lettering.layers` checks one, and names its faults better.
OrderLayer: Any = create_model(
    "OrderLayer",
    __doc__="A text or a logo on the picture. Send either text or logo.",
    __config__=ConfigDict(extra="forbid"),
    **{name: _key_field(kind, key.bounds, key.description) for name, kind, _, key in keys()},
)
#: What an option that is stored as JSON text may be sent as.
_SENT_AS: dict[str, Any] = {
    "layers": Annotated[list[OrderLayer], Field(max_length=MAX_LAYERS)] | str,
    "accept": AcceptanceLimits | str,
}


def option_fields() -> dict[str, Any]:
    """Return a pydantic field for each option of an order's records, as `create_model` takes them; None: not given."""
    found = {}
    for name, kind, _, option in all_options():
        least, most = option.bounds or (None, None)
        sent_as = _SENT_AS.get(name)
        check: Any = BeforeValidator(_as_text, sent_as) if sent_as else Field(ge=least, le=most)
        found[name] = (
            Annotated[kind, check] | None,
            Field(None, description=option.description, examples=[option.example]),
        )
    return found


def record_fields(record: type[OptionRecord]) -> dict[str, Any]:
    """Return a pydantic field for each option of a record with its default, as `create_model` takes them."""
    return {
        name: (kind, Field(default, description=option.description))
        for name, kind, default, option in options_of(record)
    }


_ALL: Any = create_model("_ALL", __base__=BaseModel, **option_fields())


class OrderOptions(_ALL):
    """Options of a swap: the same names and values as the query of POST /v1/background-swap-with-spec."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """Return the options that are set, as `SwapOrder.having` takes them."""
        return dict(self.model_dump(exclude_none=True))
