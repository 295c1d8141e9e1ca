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


# Types of every event that was found valid in this process.
SEEN: set[str] = set()
# Everything `/v1/realtime` ever says over a WebSocket, with a conversation's text, sound, tools and interruptions behind it. WebRTC
# says `output_audio_buffer.*` in place of the audio's deltas; its scripts validate those. Interim words of the caller
# (`…input_audio_transcription.delta`) are not here: the offline model, which these scripts talk to, has none.
SENT_OVER_WEBSOCKET = {
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.deleted",
    "conversation.item.truncated",
    "conversation.item.input_audio_transcription.completed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.done",
    "rate_limits.updated",
    "error",
}


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
    SEEN.add(event_type)
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
