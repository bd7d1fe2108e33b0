"""Error messages of fields: what is allowed, what was received, and what to do."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote

import msgspec
from litestar import Request
from litestar.enums import ParamType
from litestar.exceptions import SerializationException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import ParameterKwarg
from litestar.typing import FieldDefinition
from pydantic import BaseModel
from pydantic import ValidationError as PydanticValidationError

from service.schemas.error_responses import Fault

#: Maximum length of a received value in an answer, in characters.
_SHOWN = 40
#: Number of errors in an answer that may get a nearest name: finding it for thousands would take seconds.
MOST_REMEDIES = 20
#: Number of errors in an answer. A caller mends them by one change, or has another kind of body in mind.
_MOST_FAULTS = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
#: Error codes of parameters, by words in the messages of msgspec and litestar. The first match counts.
_PARAMETER_CODES = (
    ("Missing required", "missing"),
    ("of length <=", "string_too_long"),
    ("of length >=", "string_too_short"),
    ("matching regex", "string_pattern_mismatch"),
    ("Invalid enum value", "enum"),
    ("` <=", "less_than_equal"),
    ("` >=", "greater_than_equal"),
    (", got `", "wrong_type"),
)
#: msgspec's message about malformed JSON.
_BYTE = re.compile(r"JSON is malformed: (.+) \(byte (\d+)\)")
#: The value in a message such as "64 to 4096 pixels, not 63".
_NOT = re.compile(r"\bnot (-?[\w.]*\w)")
_MISSING = re.compile(r"Missing required \w+ parameter '([^']+)'")


class BodyInvalid(msgspec.ValidationError):
    """Raised by the decoder of a body, with all errors of it."""

    def __init__(self, error: PydanticValidationError) -> None:
        super().__init__(str(error))
        self.errors = error.errors(include_url=False, include_context=False)


@dataclass(frozen=True)
class Inputs:
    """The inputs of a route, by the names that callers use."""

    query: Mapping[str, FieldDefinition]
    headers: Mapping[str, FieldDefinition]
    #: The type of the JSON body.
    model: Any = None

    def unknown(self, loc: Sequence[str | int], value: object) -> str:
        """Return the message about an unknown name at `loc`: where it belongs, or the most similar name."""
        source, path, name = loc[0], loc[1:-1], str(loc[-1])
        query = {
            one: f"{one} is a query parameter. Send it in the URL, as ?{one}={_in_url(value)}" for one in self.query
        }
        headers = {one: f"{one} is a header. Send it as one" for one in self.headers}
        noun, known, own, others = "query parameter", [*self.query], dict[str, str](), self._fields(path) | headers
        if source == "body":
            noun, known, own, others = "field", [*_fields_at(self.model, path)], self._fields(path), query | headers
        own |= {one: f"Did you mean {one}?" for one in known}
        elsewhere = {_folded(one): remedy for one, remedy in others.items()}
        if name not in own and _folded(name) in elsewhere:
            return elsewhere[_folded(name)]
        remedy = f"Remove it, or send one of {', '.join(known)}" if known else "This route takes none. Remove it"
        if meant := nearest(name, own):
            remedy = own[meant]
        elif meant := nearest(name, others, cutoff=0.8):
            remedy = others[meant]
        return with_received(f"There is no {noun} {shown(name)}. {remedy}", value)

    def _fields(self, path: Sequence[str | int]) -> dict[str, str]:
        """Return the fields of the objects around a place in the body, each with where to send it."""
        found: dict[str, str] = {}
        for depth in range(len(path) + 1):
            where = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path[:depth])
            place = where.removeprefix(".") or "the JSON body"
            found |= {
                one: f"{one} is a field of {place}. Send it there" for one in _fields_at(self.model, path[:depth])
            }
        return found


def inputs_of(handler: BaseRouteHandler) -> Inputs:
    """Return the inputs of a route, from its function's signature."""
    found: dict[ParamType, dict[str, FieldDefinition]] = {ParamType.QUERY: {}, ParamType.HEADER: {}}
    for field in handler.parsed_fn_signature.parameters.values():
        about = field.kwarg_definition
        if isinstance(about, ParameterKwarg) and about.param_type in found:
            found[about.param_type][about.name or field.name] = field
    data = handler.parsed_data_field
    return Inputs(found[ParamType.QUERY], found[ParamType.HEADER], data.annotation if data is not None else None)


def _fields_at(kind: Any, path: Sequence[str | int]) -> tuple[str, ...]:
    """Return the fields of the object at a place of a body of this type; none where it is no object of known fields."""
    fields = {} if (model := _model_in(kind)) is None else model.model_fields
    if not path:
        return tuple(fields)
    inner = kind if isinstance(path[0], int) else path[0] in fields and fields[path[0]].annotation
    return _fields_at(inner, path[1:])


def _model_in(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next(filter(None, map(_model_in, get_args(kind))), None)


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the most similar known name, at best one that begins like this; None if none is similar."""
    folded, asked = {_folded(one): one for one in known}, _folded(name[:100])
    begun = [one for one in folded if len(asked) > 3 and one.startswith(asked)]
    found = begun or difflib.get_close_matches(asked, folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def shown(value: object) -> str:
    """Return a received value for an answer: quoted, shortened, and with invisible characters escaped."""
    if isinstance(value, str):
        start = repr(value[:_SHOWN])
        if len(value) <= _SHOWN and len(start) <= 2 * _SHOWN:
            return start
        return f"{start[: 2 * _SHOWN]}…, {len(value)} characters"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    return json.dumps(value, default=str)[:_SHOWN]


def with_received(message: str, value: object) -> str:
    """Return the message with the value that it is about, unless it contains the value already."""
    said = shown(value)
    quoted = isinstance(value, str) and (said in message or repr(value) in message)
    if quoted or str(value) in _NOT.findall(message):
        return message
    return f"{message} Received {said}." if message.endswith(".") else f"{message} (received {said})"


def body_error(error: Mapping[str, Any], inputs: Inputs, *, near: bool) -> str:
    """Return the message of one of pydantic's errors of a body. `near`: an unknown field gets the nearest name."""
    kind, message, value = error["type"], str(error["msg"]).replace(" after validation", ""), error.get("input")
    match kind:
        case "extra_forbidden" if near:
            return inputs.unknown(["body", *error["loc"]], value)
        case "extra_forbidden":
            message = f"{message}. Remove {shown(error['loc'][-1])}"
        case "missing" if message == "Field required":
            return f"Field required. Add {error['loc'][-1]} to the JSON body"
        case "string_pattern_mismatch" if _CONTROL.search(str(value)):
            message = "String should have no control characters"
        case "int_parsing_size":
            message = "Input should be an integer of fewer digits"
        case "model_type" | "dict_type":  # pydantic's own messages name a class of this program, or of Python
            return with_received("Input should be a JSON object", value)
    if isinstance(value, Mapping | list | tuple) and not kind.endswith("_type"):
        return message  # it is about several fields or items
    return with_received(message, value)


def parameter_error(field: FieldDefinition, values: Sequence[str]) -> str:
    """Return the message about a parameter that does not fit its declaration. Without `values` it is missing."""
    about = field.kwarg_definition
    assert isinstance(about, ParameterKwarg)
    if not values:
        return f"The parameter is missing. Add {about.name or field.name}. {about.description}"
    kind: Any = next((one for one in _kinds(field) if one is not type(None)), str)
    value = values[0]
    if choices := _choices(kind):
        wrong = next((one for one in values if one not in choices), value)
        return with_received(f"Should be one of {', '.join(choices)}", wrong)
    if kind is bool:
        return with_received("Should be true or false", value)
    if kind in (int, float):
        ends = "" if about.ge is None else f" from {about.ge} to {about.le}"
        return with_received(f"Should be a {'whole ' if kind is int else ''}number{ends}", value)
    least, most = about.min_length, about.max_length
    if (least is not None and len(value) < least) or (most is not None and len(value) > most):
        span = f"{least} to {most}" if least is not None else f"at most {most}"
        return with_received(f"Should have {span} characters", value)
    if _CONTROL.search(value):
        return with_received("Should have no control characters", value)
    example = about.examples[0].value if about.examples else "this"
    return f"{with_received(f'Should look like {example}', value)}. {about.description}"


def _choices(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    return list(get_args(kind)) if get_origin(kind) is Literal else []


def _kinds(field: FieldDefinition) -> tuple[Any, ...]:
    if field.is_union:
        return tuple(_item(one.annotation) for one in field.inner_types)
    return (_item(field.annotation),)


def _item(kind: Any) -> Any:
    """Return the type of a repeated parameter's values, or the type itself."""
    return get_args(kind)[0] if get_origin(kind) is list else kind


def _in_url(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(str(value)[:_SHOWN]) if isinstance(value, str | int | float) else "…"


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def validation_errors(request: Request[Any, Any, Any], error: ValidationException) -> list[Fault]:
    """Return all faults of a request's body, query and headers."""
    inputs, cause = inputs_of(request.scope["route_handler"]), error.__cause__
    found: list[Fault] = []
    if isinstance(cause, BodyInvalid):
        found = [
            {
                "loc": ["body", *one["loc"]],
                "msg": body_error(one, inputs, near=index < MOST_REMEDIES),
                "type": one["type"],
            }
            for index, one in enumerate(cause.errors[:_MOST_FAULTS])
        ]
        if len(cause.errors) > _MOST_FAULTS:
            text = f"The body has {len(cause.errors):,} faults. Correct the first {_MOST_FAULTS}, which are listed"
            found.append({"loc": ["body"], "msg": text, "type": "too_many_faults"})
    # Litestar stops at the first missing parameter, and names others by the handler's argument names.
    missing = _MISSING.match(error.detail)
    said = {missing[1]: error.detail} if missing else {}
    if isinstance(error.extra, list):
        said |= {one.get("key", ""): one.get("message", "") for one in error.extra}
    for source, fields, sent in (
        ("query", inputs.query, request.query_params),
        ("header", inputs.headers, request.headers),
    ):
        for name, field in fields.items():
            if words := said.get(name) or said.get(field.name):
                found.append(_wrong_parameter([source, name], words, parameter_error(field, sent.getall(name, []))))
    if not found:  # no body at all
        text = "The body is missing. Send a JSON body with Content-Type: application/json"
        found = [{"loc": ["body"], "msg": text, "type": "missing"}]
    return found


def _wrong_parameter(loc: list[str | int], said: str, message: str) -> Fault:
    code = next((code for words, code in _PARAMETER_CODES if words in said), "value_error")
    return {"loc": loc, "msg": message, "type": "value_error", "code": code}


def decoder_error(error: BaseException | None) -> BaseException | None:
    """Return the decoder's error behind this one; None if there is none."""
    found = None
    while error is not None:
        found = error if isinstance(error, msgspec.DecodeError | SerializationException) else found
        error = error.__cause__
    return found


def undecodable_error(request: Request[Any, Any, Any], error: Exception) -> Fault:
    """Return the fault of a body that is not JSON, with its position and the remedy."""
    position, reason = 0, "invalid JSON"
    try:
        raw = request.state.get("raw_body")
        if raw is None:
            reason = str(decoder_error(error) or reason)
            if found := _BYTE.search(reason):
                position, reason = int(found[2]), found[1]
        else:
            json.loads(raw)
    except json.JSONDecodeError as wrong:
        position, reason = wrong.pos, wrong.msg
    except UnicodeDecodeError as wrong:
        position, reason = wrong.start, "invalid UTF-8"
    except RecursionError:
        reason = "nested too deeply"
    sent, _ = request.content_type
    named = f" (received Content-Type {shown(sent)})" if sent and sent != "application/json" else ""
    where = f", at character {position}" if position else ""
    text = f"The body is not valid JSON: {reason}{where}. Send JSON with Content-Type: application/json{named}"
    return {"loc": ["body", position], "msg": text, "type": "json_invalid"}
