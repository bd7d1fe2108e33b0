"""JSON bodies: read in a thread, so that a large one holds up nobody else's request."""

from contextvars import ContextVar
from typing import Any, TypeVar

import msgspec
from litestar.concurrency import sync_to_thread
from litestar.config.app import AppConfig
from litestar.plugins.pydantic import PydanticInitPlugin
from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from service.schemas.problems import AnyRequest, wrong
from service.schemas.remedies import BodyInvalid

#: How deep objects and arrays of a body may be nested. An order's layers need 5.
_DEPTH = 16
#: Values of a body, fields and items: 64 KiB of an order's options have fewer.
MOST_VALUES = 2_000
Model = TypeVar("Model", bound=BaseModel)
#: What `read` found in the running request's body, for litestar's decoder, which gets no request.
_READ: ContextVar[BaseModel | Exception | None] = ContextVar("body", default=None)


class BodiesRead(PydanticInitPlugin):
    """Gives handlers the bodies that `read` validated, together with the faults of their other parameters."""

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Put this decoder before litestar's."""
        config = super().on_app_init(app_config)
        own = (lambda kind: isinstance(kind, type) and issubclass(kind, BaseModel), self._decode)
        config.type_decoders = [own, *(config.type_decoders or [])]
        config.type_encoders = {**(config.type_encoders or {}), BaseModel: _as_json}
        return config

    @staticmethod
    def _decode(_model: type[BaseModel], _value: Any) -> Any:
        found = _READ.get()
        if isinstance(found, Exception):
            raise found
        return found


def _as_json(model: BaseModel) -> Any:
    return model.model_dump()  # not in JSON mode: a report is JSON already, which msgspec copies


async def read(request: AnyRequest, model: type[BaseModel], context: dict[str, Any], most_values: int) -> None:
    """Validate a request's body in a thread, for its handler. Raises Invalid for a body of too many values.

    `context`: pydantic's. Litestar reports a body that is missing or no JSON.
    """
    raw = await request.body()
    _READ.set(await sync_to_thread(_read, raw, model, context, most_values) if raw else None)


def _read(raw: bytes, model: type[Model], context: dict[str, Any], most: int) -> Model | BodyInvalid | None:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    _check_size(value, most)
    try:
        return model.model_validate(value, context=context)
    except PydanticValidationError as error:
        return BodyInvalid(error)


def _check_size(value: Any, most: int) -> None:
    """Raise Invalid for a body of more than `most` values, or nested more than _DEPTH deep."""
    level, count = [value], 1
    for _ in range(_DEPTH):
        level = [
            one
            for each in level
            if isinstance(each, dict | list)
            for one in (each.values() if isinstance(each, dict) else each)
        ]
        count += len(level)
        if count > most:
            text = f"The body has more than {most:,} values, which is the limit. Send a smaller body"
            raise wrong(["body"], "too_many_values", text)
        if not level:
            return
    raise wrong(["body"], "nested_too_deeply", f"The body is nested more than {_DEPTH} deep. Send a flatter body")
