"""Bodies and answers for a client's brands, keys and webhook.

The catalogue is the context of a brand's validation, so that one answer lists all errors.
"""

import unicodedata
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from pipeline.core.order import SEED_LIMIT, SwapOrder
from service.accounts.brands import Profile, SeedPolicy
from service.catalogue.catalogue import Catalogue
from service.catalogue.order_options import OrderOptions
from service.catalogue.swap_request import Colour, option_faults
from service.operations.erasure import KEPT
from service.schemas.fields import NextCursor, Time
from service.webhooks.outbox import DeliveryState


def one_line(text: str) -> str:
    """Return the text without surrounding space. Raises PydanticCustomError unless it is one line of words."""
    # Control, format and surrogate characters, line and paragraph separators: no style word needs them.
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in text):
        raise PydanticCustomError("control_character", "String should have no control characters")
    words = text.strip()
    if not words:
        raise PydanticCustomError("style_empty", "Must not be blank")
    return words


class BrandRequest(BaseModel):
    """The whole brand. Omitted fields get their defaults; only the seed of an earlier version stays."""

    model_config = ConfigDict(extra="forbid")
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "palette": ["#e8c7b8", "ivory"],
        "style_words": ["linen", "soft daylight", "airy"],
        "seed_policy": "pinned",
        "default_preset": "shopify_product",
    }

    palette: list[Colour] = Field(
        default_factory=list,
        max_length=6,
        description="Background colours for requests that send none, most present first: "
        "#rgb, #rrggbb, a CSS name or rgb(r, g, b).",
    )
    style_words: list[Annotated[str, Field(min_length=1, max_length=60), AfterValidator(one_line)]] = Field(
        default_factory=list,
        max_length=12,
        description="Words for the generator's prompt. The built-in generator reads only the names of props.",
    )
    seed_policy: SeedPolicy = Field(
        SeedPolicy.FREE,
        description="pinned: the same spec gives the same background for every product. free: each swap has its own.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=SEED_LIMIT,
        strict=True,
        description="The seed of a pinned brand. If omitted, the brand keeps its seed, or Backdrop draws one.",
    )
    default_preset: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Default for clients that send no preset: a name of GET /v1/output-presets."
    )
    options: OrderOptions = Field(
        default_factory=OrderOptions,
        description="Options for requests that leave them out, by the names of a swap's query, such as shadow or"
        " layers.",
    )

    @field_validator("seed")
    @classmethod
    def _of_a_pinned_brand(cls, seed: int | None, info: ValidationInfo) -> int | None:
        if seed is not None and info.data.get("seed_policy") is SeedPolicy.FREE:
            raise PydanticCustomError("seed_without_policy", "Only pinned brands have a seed. Set seed_policy: pinned")
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

    @field_validator("options")
    @classmethod
    def _options(cls, options: OrderOptions, info: ValidationInfo) -> OrderOptions:
        catalogue = cast(dict[str, Catalogue], info.context)["catalogue"]
        # Without a default preset, a preset that allows every option.
        preset = info.data.get("default_preset") or next(
            name for name, one in catalogue.presets.items() if one.background == "scene" and one.size
        )
        order = SwapOrder(next(iter(catalogue.scenes)), next(iter(catalogue.moods)), preset, ("#ffffff",))
        for fault in option_faults(catalogue, order.having(options.given())):
            if fault.code not in ("surface_unknown", "colour_not_asked"):  # each request has its own scene and colours
                raise PydanticCustomError(fault.code, "{text}", {"text": f"{fault.field}: {fault.message}"})
        return options

    @property
    def profile(self) -> Profile:
        """The brand as `service.accounts.brands` takes it."""
        return Profile(
            tuple(self.palette),
            tuple(self.style_words),
            self.seed_policy,
            self.seed,
            self.default_preset,
            self.options.given(),
        )


class KeyRequest(BaseModel):
    """The key to create."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(one_line)] | None = Field(
        None, description="Your own name for the key, shown in the list of keys."
    )


class KeyView(BaseModel):
    """A key without its secret text."""

    id: str = Field(description="Id of the key, for DELETE /v1/keys/{key_id}.")
    name: str | None = Field(description="Your own name for the key; null if you gave none.")
    created_at: Time = Field(description="When the key was created.")
    expires_at: Time | None = Field(description="When the key expires because another replaced it; null: never.")
    current: bool = Field(description="Whether this request used the key.")


class KeyItems(BaseModel):
    """The client's keys, oldest first."""

    items: list[KeyView] = Field(description="All valid keys of the client, oldest first.")


class NewKey(BaseModel):
    """A new key. Its text is shown only this once."""

    id: str = Field(description="Id of the key, for DELETE /v1/keys/{key_id}.")
    name: str | None = Field(description="Your own name for the key; null if you gave none.")
    key: str = Field(description="Text to send as `Authorization: Bearer …`. It can't be shown again.")
    created_at: Time = Field(description="When the key was created.")
    expires_at: Time | None = Field(description="When the key expires; null: never.")


class WebhookRequest(BaseModel):
    """The destination of messages."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(min_length=1, max_length=2048, description="Public https URL that receives the messages.")


class RotationRequest(BaseModel):
    """The replacement of a secret."""

    model_config = ConfigDict(extra="forbid")
    grace_hours: float = Field(
        24.0,
        ge=0,
        le=24 * 30,
        strict=True,
        description="Hours for which the previous secret also signs, from 0 to 720. Default: 24.",
    )


class WebhookView(BaseModel):
    """A client's webhook, without its secret."""

    url: str = Field(description="URL that receives the messages.")
    created_at: Time = Field(description="When this URL was set.")
    disabled_at: Time | None = Field(
        description="When it answered 410 Gone and Backdrop stopped sending; null while it is active."
    )
    previous_until: Time | None = Field(description="Until when the previous secret also signs.")


class NewWebhook(WebhookView):
    """A client's webhook with its secret, which is shown only this once."""

    secret: str | None = Field(description="The signing secret, whsec_…; null if it was shown before.")


class DeliveryView(BaseModel):
    """A message to the webhook."""

    id: str = Field(description="Id of the message, which the receiver gets as `webhook-id`.")
    type: str = Field(description="The event, such as job.succeeded. A test is webhook.test.")
    job_id: str | None = Field(description="The job that it is about; null for an order or a test.")
    order_id: str | None = Field(description="The order that it is about; null for a job or a test.")
    state: DeliveryState = Field(
        description="waiting: Backdrop will try it, or try it again. delivered: the receiver answered 2xx. failed: no"
        " attempt is left. dropped: the webhook was deleted or answered 410."
    )
    attempts: int = Field(description="Number of attempts so far. A redelivery starts again at 0.")
    last_status: int | None = Field(description="HTTP status of the receiver's last answer; null if it gave none.")
    last_error: str | None = Field(description="Why the last attempt got no answer; null if it got one.")
    created_at: Time = Field(description="When the message was written.")
    next_attempt_at: Time | None = Field(description="When Backdrop tries it next; null once it has ended.")
    ended_at: Time | None = Field(description="When it was delivered, failed or dropped; null before that.")


class DeliveryPage(BaseModel):
    """A page of messages, newest first."""

    items: list[DeliveryView] = Field(description="The messages of the page.")
    next_cursor: NextCursor


class DataDeletion(BaseModel):
    """The receipt of a deletion of all of a client's data."""

    id: str = Field(description="ULID of the receipt.")
    state: Literal["in_progress", "complete"] = Field(description="in_progress: the sweep goes on with it.")
    requested_at: Time = Field(description="The moment of the request. Data of before it is deleted.")
    completed_at: Time | None = Field(description="When the database had none of it any more; null before that.")
    counts: dict[str, int] = Field(description="How many rows and files of each kind were deleted so far.")
    files_left: int = Field(description="Your deleted files whose bytes the sweep has not removed yet.")
    files_deleted_by: Time | None = Field(
        description="When their bytes should be gone. It takes longer while the store is away; see `files_left`."
    )
    kept: dict[str, str] = Field(KEPT, description="What stays, and why.")


class DataDeletionItems(BaseModel):
    """The receipts of a client's deletions of all data."""

    items: list[DataDeletion] = Field(description="At most 100 receipts, newest first.")


class SentDelivery(DeliveryView):
    """A message with its body."""

    body: str = Field(description="The body as JSON text, exactly as signed and sent at the latest attempt.")
