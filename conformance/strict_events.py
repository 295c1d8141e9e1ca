"""Validates server events with the official Python SDK's own models, strictly.

The SDK itself never validates what it receives: it builds its objects from whatever came. Here every field must have
the right type, no required one may be missing, and none may be there that the models do not know.
"""

import json
from collections.abc import Iterator
from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, ValidationError

# The SDK types session events with the request's class, which lacks what only a server says.
_SESSION_EXTRAS = {"session.id", "session.object", "session.expires_at"}
# The vendor pads text deltas against traffic analysis; a client ignores it.
_DELTA_EXTRAS = {"obfuscation"}


def _registry() -> dict[str, type[BaseModel]]:
    classes = get_args(get_args(RealtimeServerEvent)[0])
    return {get_args(one.model_fields["type"].annotation)[0]: one for one in classes}


SERVER_EVENTS = _registry()


class Violation(AssertionError):
    """An event the official models refuse, with the event."""


def validate(message: str | bytes) -> dict[str, Any]:
    """The event as a plain object, or a `Violation`."""
    try:
        event = json.loads(message)
    except ValueError as error:
        raise Violation(f"not JSON: {message[:200]!r}") from error
    event_type = event.get("type") if isinstance(event, dict) else None
    model = SERVER_EVENTS.get(event_type)
    if model is None:
        raise Violation(f"the SDK knows no event {event_type!r}: {_shown(event)}")
    try:
        typed = model.model_validate_json(message, strict=True)
    except ValidationError as error:
        raise Violation(f"{event_type} is refused: {error} in {_shown(event)}") from error
    unknown = sorted(set(_extras(typed)) - _allowed_extras(event_type))
    if unknown:
        raise Violation(f"{event_type} has unknown fields {unknown}: {_shown(event)}")
    return event


def _allowed_extras(event_type: str) -> set[str]:
    if event_type in ("session.created", "session.updated"):
        return _SESSION_EXTRAS
    return _DELTA_EXTRAS if event_type.endswith(".delta") else set()


def _extras(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (_join(path, name) for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name), _join(path, name))
    elif isinstance(value, list):
        for element in value:
            yield from _extras(element, f"{path}[]")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(event: Any) -> str:
    text = json.dumps(event)
    return text if len(text) <= 600 else f"{text[:600]}…"
