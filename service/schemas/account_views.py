"""Bodies and answers of what a client has beside jobs: keys and its webhook."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.schemas.brand_request import one_line
from service.schemas.responses import Time


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
