"""Bodies and answers of what a client has beside jobs: brands, keys and its webhook.

A brand is validated with the catalogue as context: one answer holds every error of it.
"""

import unicodedata
from typing import Annotated, Any, ClassVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.colour.notation import parse_colour
from pipeline.core.order import SEED_LIMIT
from service.accounts.brands import Profile, SeedPolicy
from service.catalogue.catalogue import Catalogue
from service.schemas.responses import Time


def _colour(text: str) -> str:
    try:
        return parse_colour(text)
    except ValueError as error:
        raise PydanticCustomError("colour_invalid", "{reason}", {"reason": str(error)}) from error


def one_line(text: str) -> str:
    """Return words without the space around them. Raises PydanticCustomError for what is not one line of words."""
    # control, format and surrogate characters, line and paragraph separators: nothing that a style needs
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text):
        raise PydanticCustomError("control_character", "String should have no control characters")
    words = text.strip()
    if not words:
        raise PydanticCustomError("style_empty", "String should have a word")
    return words


class BrandRequest(BaseModel):
    """What a brand is to be. What is left out takes its default; nothing of the brand before stays but a seed."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "palette": ["#e8c7b8", "ivory"],
        "style_words": ["linen", "soft daylight", "airy"],
        "seed_policy": "pinned",
        "default_preset": "shopify_product",
    }

    palette: list[Annotated[str, AfterValidator(_colour)]] = Field(
        default_factory=list,
        max_length=6,
        description="Colours of its backgrounds where a request asks for none, the most present first: "
        "#rgb, #rrggbb, a CSS name or rgb(r, g, b).",
    )
    style_words: list[Annotated[str, Field(min_length=1, max_length=60), AfterValidator(one_line)]] = Field(
        default_factory=list,
        max_length=12,
        description="Words for the generator's prompt. The one that ships reads none.",
    )
    seed_policy: SeedPolicy = Field(
        SeedPolicy.FREE,
        description="pinned: the same spec gives the same background for every product; free: each swap has its own.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=SEED_LIMIT,
        strict=True,
        description="Of a pinned brand. Left out: the one that it has, or one is drawn.",
    )
    default_preset: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="For clients that give no preset themselves: a name of GET /v1/output-presets."
    )

    @field_validator("seed")
    @classmethod
    def _of_a_pinned_brand(cls, seed: int | None, info: ValidationInfo) -> int | None:
        if seed is not None and info.data.get("seed_policy") is SeedPolicy.FREE:
            raise PydanticCustomError("seed_without_policy", "A seed belongs to the seed_policy pinned: set that too")
        return seed

    @field_validator("default_preset")
    @classmethod
    def _preset(cls, name: str | None, info: ValidationInfo) -> str | None:
        catalogue = cast(dict[str, Catalogue], info.context)["catalogue"]
        if name is not None and name not in catalogue.presets:
            nearest = ", ".join(catalogue.nearest_presets(name))
            raise PydanticCustomError(
                "unknown_preset", "There is no such output preset. The nearest are: {nearest}", {"nearest": nearest}
            )
        return name

    @property
    def profile(self) -> Profile:
        """What was asked, as `service.accounts.brands` takes it."""
        return Profile(tuple(self.palette), tuple(self.style_words), self.seed_policy, self.seed, self.default_preset)


class KeyRequest(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(one_line)] | None = Field(
        None, description="What you call it, to know it again in the list."
    )


class KeyView(BaseModel):
    """A key, without what it reads."""

    id: str
    name: str | None
    created_at: Time
    expires_at: Time | None = Field(description="When it stops being good, since another took its place; null: never.")
    current: bool = Field(description="Whether this request was sent with it.")


class KeyItems(BaseModel):
    """A client's keys, the oldest first."""

    items: list[KeyView]


class NewKey(BaseModel):
    """A key, shown this once."""

    id: str
    name: str | None
    key: str = Field(description="What is sent as `Authorization: Bearer …`. It can't be shown again.")
    created_at: Time
    expires_at: Time | None


class WebhookRequest(BaseModel):
    """Where messages are to go."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(min_length=1, max_length=2048, description="https, and on the public internet.")


class RotationRequest(BaseModel):
    """How a secret is to be replaced."""

    model_config = ConfigDict(extra="forbid")
    grace_hours: float = Field(
        24.0,
        ge=0,
        le=24 * 30,
        strict=True,
        description="Hours for which the secret before signs as well; 0: no longer.",
    )


class WebhookView(BaseModel):
    """A client's webhook, without its secret."""

    url: str
    created_at: Time
    disabled_at: Time | None = Field(
        description="When it answered 410 Gone, after which nothing is sent; null: it is on."
    )
    previous_until: Time | None = Field(description="Until when the secret before the last rotation signs as well.")


class NewWebhook(WebhookView):
    """A client's webhook with its secret, shown this once."""

    secret: str | None = Field(description="What signs, whsec_…; null: the one that was shown before.")
