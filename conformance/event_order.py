"""The order and the cross-references of server events, which the SDK's models say nothing about."""

from itertools import groupby
from typing import Any

from facts import require

# One spoken message, deltas collapsed and the two audio ends in either order (the vendor fixes neither).
_SPOKEN_MESSAGE = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "deltas",
    "audio ends",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
_DELTAS = {"response.output_audio.delta", "response.output_audio_transcript.delta"}
_AUDIO_ENDS = {"response.output_audio.done", "response.output_audio_transcript.done"}


def require_response_order(events: list[dict[str, Any]], response_id: str) -> None:
    """A completed response of one spoken message came in the vendor's order, and its parts agree."""
    mine = _events_of(events, response_id)
    names = [_collapsed(event["type"]) for event in mine]
    order = [name for name, _ in groupby(names)]
    require(order == _SPOKEN_MESSAGE, f"the response came as {order}")
    deltas = "".join(e["delta"] for e in mine if e["type"] == "response.output_audio_transcript.delta")
    finals = {
        "transcript.done": _only(mine, "response.output_audio_transcript.done")["transcript"],
        "content_part.done": _only(mine, "response.content_part.done")["part"]["transcript"],
        "output_item.done": _only(mine, "response.output_item.done")["item"]["content"][0]["transcript"],
        "response.done": mine[-1]["response"]["output"][0]["content"][0]["transcript"],
    }
    for where, transcript in finals.items():
        require(transcript == deltas, f"{where} says {transcript!r}, the deltas said {deltas!r}")


def require_conversation_order(events: list[dict[str, Any]]) -> None:
    """Ids are unique, items are announced before they are referred to, and only one response is active."""
    seen_events: set[str] = set()
    seen_items: set[str] = set()
    active: str | None = None
    for event in events:
        event_id = event["event_id"]
        require(event_id not in seen_events, f"event id {event_id} came twice")
        seen_events.add(event_id)
        active = _follow_response(event, active)
        if event["type"] == "conversation.item.added":
            previous = event.get("previous_item_id")
            require(previous is None or previous in seen_items, f"placed after the unknown item {previous}")
            seen_items.add(event["item"]["id"])
        if event["type"] == "conversation.item.done":
            require(event["item"]["id"] in seen_items, f"done but never added: {event['item']['id']}")
    _require_speech_order(events)


def _follow_response(event: dict[str, Any], active: str | None) -> str | None:
    if event["type"] == "response.created":
        require(active is None, f"{event['response']['id']} began while {active} was active")
        return event["response"]["id"]
    # A loudspeaker stops after the response that fed it is done.
    if "response_id" in event and not event["type"].startswith("output_audio_buffer."):
        require(event["response_id"] == active, f"{event['type']} belongs to {event['response_id']}, not {active}")
    if event["type"] == "response.done":
        require(event["response"]["id"] == active, f"{event['response']['id']} ended but {active} was active")
        return None
    return active


def _require_speech_order(events: list[dict[str, Any]]) -> None:
    """Speech of an item starts, stops, is committed and added, and its times grow."""
    steps = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    last_ms = 0
    for started in (event for event in events if event["type"] == steps[0]):
        item_id = started["item_id"]
        mine = [event for event in events if event.get("item_id") == item_id and event["type"] in steps]
        names = [event["type"] for event in mine]
        require(names == steps[: len(names)], f"speech of {item_id} came as {names}")
        require(started["audio_start_ms"] >= last_ms, f"speech of {item_id} starts before the one before it ended")
        if len(mine) > 1:
            last_ms = mine[1]["audio_end_ms"]
            require(last_ms > started["audio_start_ms"], f"speech of {item_id} ends before it starts")


def _events_of(events: list[dict[str, Any]], response_id: str) -> list[dict[str, Any]]:
    """Everything that belongs to a response, its conversation items included."""
    items = {e["item"]["id"] for e in events if e.get("response_id") == response_id and "item" in e}
    return [
        event
        for event in events
        if event.get("response_id") == response_id
        or event.get("response", {}).get("id") == response_id
        or (event["type"].startswith("conversation.item.") and event.get("item", {}).get("id") in items)
    ]


def _collapsed(event_type: str) -> str:
    if event_type in _DELTAS:
        return "deltas"
    return "audio ends" if event_type in _AUDIO_ENDS else event_type


def _only(events: list[dict[str, Any]], event_type: str) -> dict[str, Any]:
    found = [event for event in events if event["type"] == event_type]
    require(len(found) == 1, f"{event_type} came {len(found)} times")
    return found[0]
