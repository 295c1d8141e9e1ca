"""The official OpenAI Python SDK talks to an agent; every event it gets is held against the SDK's own models."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import websockets
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from event_order import require_conversation_order, require_response_order
from facts import Endpoint, check, require
from meaning import DAY, WISH, YES, asks_back, require_day_taken, require_facial_and_day, require_facial_taken_up, require_understood
from microphone import AUDIBLE_RMS, Microphone, rms
from strict_events import SEEN, SENT_OVER_WEBSOCKET, validate

# From the end of a spoken sentence to the last event of the answer, with a slow recogniser on a busy machine.
EVENT_S_MAX = 30.0
PCM_BYTES_PER_MS = 48
# A polite caller lets the question be heard out; speaking earlier would be an interruption.
SPOKEN_S_PER_LETTER = 0.08


class Conversation:
    """Reads and validates everything the server sends; `until` waits for an event not yet waited for."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self._next = 0
        self._news = asyncio.Condition()
        self._failure: BaseException | None = None
        self._reader = asyncio.create_task(self._read())

    async def until(self, event_type: str, matching: Callable[[dict], bool] = lambda _: True) -> dict[str, Any]:
        """The next event of this type after the one the last call returned."""
        async with asyncio.timeout(EVENT_S_MAX), self._news:
            while True:
                while self._next < len(self.events):
                    event = self.events[self._next]
                    self._next += 1
                    if event["type"] == event_type and matching(event):
                        return event
                if self._failure:
                    raise self._failure
                await self._waiting(event_type)

    async def send(self, event: dict[str, Any]) -> None:
        await self.connection.send(event)  # type: ignore[arg-type]

    async def append(self, pcm: bytes) -> None:
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    async def finish(self) -> None:
        """Closes with 1000, as the SDK does, and checks that the server ends as cleanly."""
        await self.connection.close()
        await self._reader
        closed = self._failure
        require(isinstance(closed, websockets.ConnectionClosedOK), f"the connection ended with {closed!r}")
        require_conversation_order(self.events)

    def since(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        return self.events[self.events.index(event) :]

    async def _waiting(self, event_type: str) -> None:
        try:
            await self._news.wait()
        except asyncio.CancelledError:
            seen = [event["type"] for event in self.events][-12:]
            raise TimeoutError(f"no {event_type} came; the last events were {seen}") from None

    async def _read(self) -> None:
        while not self._failure:
            try:
                message = await self.connection.recv_bytes()
                event = validate(message)
                self.connection.parse_event(message)
            except Exception as failure:
                self._failure = failure
            else:
                self.events.append(event)
            async with self._news:
                self._news.notify_all()


@contextlib.asynccontextmanager
async def conversation(endpoint: Endpoint) -> AsyncIterator[Conversation]:
    """A configured conversation that is closed cleanly when the block ends well."""
    client = AsyncOpenAI(api_key=endpoint.key, base_url=endpoint.base_url)
    async with client.realtime.connect(model=endpoint.agent) as connection:
        talk = Conversation(connection)
        await talk.until("session.created")
        await talk.send({"type": "session.update", "session": SESSION})
        await talk.until("session.updated")
        yield talk
        await talk.finish()


SESSION = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}},
    },
}


async def a_session_names_the_agent_and_speaks_24_khz(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        created, updated = (event["session"] for event in talk.events[:2])
        require(talk.events[0]["type"] == "session.created", "session.created is the first event")
        for session in (created, updated):
            require(session["model"] == endpoint.agent, f"the session names {session['model']!r}")
            require(session["id"].startswith("sess_"), f"the session's id is {session['id']!r}")
            require(session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}, "24 kHz out")
        detection = updated["audio"]["input"]["turn_detection"]
        require(detection["silence_duration_ms"] == 500, f"the update is echoed in full: {detection}")
        require(isinstance(detection["interrupt_response"], bool), "turn detection says who cancels")


async def a_spoken_wish_is_heard_and_answered_aloud(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk, Microphone(talk.append) as microphone:
        await microphone.say(WISH)
        heard = await talk.until("conversation.item.input_audio_transcription.completed")
        done = await _reply_done(talk)
        require_understood(heard["transcript"])
        require_facial_taken_up(_said_aloud(talk.events, done["response"]["id"]))


async def the_next_turn_goes_on_from_the_first(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk, Microphone(talk.append) as microphone:
        await microphone.say(WISH)
        first = _said_aloud(talk.events, (await _reply_done(talk))["response"]["id"])
        if asks_back(first):
            await asyncio.sleep(len(first) * SPOKEN_S_PER_LETTER)
            await microphone.say(YES)
            first = _said_aloud(talk.events, (await _reply_done(talk))["response"]["id"])
        require_facial_and_day(first)
        await asyncio.sleep(len(first) * SPOKEN_S_PER_LETTER)
        await microphone.say(DAY)
        second = _said_aloud(talk.events, (await _reply_done(talk))["response"]["id"])
        require_day_taken(first, second)


async def a_typed_wish_is_answered_aloud(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _type_wish(talk)
        await talk.send({"type": "response.create", "response": {"metadata": {"client_event_id": "mine"}}})
        created = await talk.until("response.created")
        done = await _reply_done(talk)
        for event in (created, done):
            require(event["response"]["metadata"] == {"client_event_id": "mine"}, "metadata is given back")
        require(done["response"]["usage"] is not None, "a completed response says what it used")
        require_facial_and_day(_said_aloud(talk.events, done["response"]["id"]))


async def nobody_speaks_before_the_client_asks(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        item = _message("system", "input_text", "The caller is new.")
        await talk.send({"type": "conversation.item.create", "item": item})
        await talk.until("conversation.item.done")
        require(all(not event["type"].startswith("response.") for event in talk.events), "a response came unasked")


async def a_response_in_progress_can_be_cancelled_once(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _type_wish(talk)
        await talk.send({"type": "response.create"})
        await talk.until("response.output_audio.delta")
        await talk.send({"type": "response.cancel"})
        done = await talk.until("response.done")
        response = done["response"]
        # A model may have said everything before the cancel arrives.
        if response["status"] == "cancelled":
            require(response["status_details"]["reason"] == "client_cancelled", f"{response['status_details']}")
            require(response["output"][0]["status"] == "incomplete", "the cut item is incomplete")
        await talk.send({"type": "response.cancel", "event_id": "second"})
        await _error(talk, "response_cancel_not_active", "second")
        late = [event for event in talk.since(done) if event.get("response_id") == response["id"]]
        require(not late, f"events of the cancelled response came after its end: {late[:1]}")


async def a_second_response_beside_an_active_one_is_refused(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _type_wish(talk)
        await talk.send({"type": "response.create"})
        await talk.send({"type": "response.create", "event_id": "second"})
        await _error(talk, "conversation_already_has_active_response", "second")
        await talk.until("response.done")


async def items_are_kept_under_the_clients_id(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        first = {"id": "item_first", **_message("user", "input_text", "hi")}
        await talk.send({"type": "conversation.item.create", "item": first, "previous_item_id": "root"})
        added = await talk.until("conversation.item.added")
        require(added["item"]["id"] == "item_first", f"the item got the id {added['item']['id']!r}")
        reply = {"id": "item_reply", **_message("assistant", "output_text", "hello")}
        await talk.send({"type": "conversation.item.create", "item": reply, "previous_item_id": "item_first"})
        added = await talk.until("conversation.item.added")
        require(added["previous_item_id"] == "item_first", f"placed after {added['previous_item_id']!r}")
        await talk.send({"type": "conversation.item.retrieve", "item_id": "item_reply"})
        retrieved = await talk.until("conversation.item.retrieved")
        require(retrieved["item"]["content"][0]["text"] == "hello", f"retrieved {retrieved['item']}")
        await talk.send({"type": "conversation.item.delete", "item_id": "item_reply"})
        deleted = await talk.until("conversation.item.deleted")
        require(deleted["item_id"] == "item_reply", f"deleted {deleted['item_id']!r}")


async def an_unknown_field_drops_the_whole_update(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        detection = {"type": "server_vad", "silence_duration_ms": 900}
        update = {"type": "realtime", "bogus": 1, "audio": {"input": {"turn_detection": detection}}}
        await talk.send({"type": "session.update", "session": update, "event_id": "bad"})
        error = await _error(talk, "unknown_parameter", "bad")
        require(error["param"] == "session.bogus", f"the error names {error['param']!r}")
        await talk.send({"type": "session.update", "session": {"type": "realtime"}})
        updated = await talk.until("session.updated")
        kept = updated["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"]
        require(kept == 500, f"half of a refused update was taken: {kept} ms")


async def nonsense_is_answered_and_the_conversation_goes_on(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await talk.send({"type": "response.explode", "event_id": "odd"})
        error = await _error(talk, "invalid_value", "odd")
        require(error["param"] == "type", f"the error names {error['param']!r}")
        for message, code in [("{not json", "invalid_json"), (b"\x00\x01", "invalid_event")]:
            await talk.connection.send_raw(message)
            await _error(talk, code)
        await _type_wish(talk)


async def a_wrong_key_is_refused_after_the_handshake_with_3000(endpoint: Endpoint) -> None:
    wrong = Endpoint(endpoint.server, "sb_wrong", endpoint.agent)
    await _require_refusal(wrong, f"model={endpoint.agent}", "invalid_api_key", 3000)


async def an_unknown_agent_is_refused_with_4000(endpoint: Endpoint) -> None:
    await _require_refusal(endpoint, "model=nobody-of-that-name", "invalid_model", 4000)


async def a_missing_agent_is_refused_with_4000(endpoint: Endpoint) -> None:
    await _require_refusal(endpoint, "", "missing_model", 4000)


async def the_beta_header_is_refused_with_4000(endpoint: Endpoint) -> None:
    beta = {"OpenAI-Beta": "realtime=v1"}
    await _require_refusal(endpoint, f"model={endpoint.agent}", "beta_api_shape_disabled", 4000, beta)


async def every_kind_of_event_that_is_ever_sent_was_held_against_the_sdk(endpoint: Endpoint) -> None:
    """Comes last: the facts before it saw what a conversation with tools and interruptions says, this one the rest."""
    async with conversation(endpoint) as talk:
        await talk.send({"type": "response.create"})
        added = await talk.until("response.output_item.added")
        await talk.until("response.output_audio.delta")
        await _reply_done(talk)
        item_id = added["item"]["id"]
        await talk.send({"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 100})
        await talk.until("conversation.item.truncated")
        await talk.send({"type": "conversation.item.retrieve", "item_id": item_id})
        await talk.until("conversation.item.retrieved")
        await talk.send({"type": "conversation.item.delete", "item_id": item_id})
        await talk.until("conversation.item.deleted")
        await talk.send({"type": "input_audio_buffer.clear"})
        await talk.until("input_audio_buffer.cleared")
    require(SENT_OVER_WEBSOCKET <= SEEN, f"never seen: {sorted(SENT_OVER_WEBSOCKET - SEEN)}")


async def _require_refusal(
    endpoint: Endpoint, query: str, code: str, close_code: int, headers: dict[str, str] | None = None
) -> None:
    """The handshake succeeds, one error event follows, then the close with the same words in its reason."""
    sent = {"Authorization": f"Bearer {endpoint.key}", **(headers or {})}
    async with websockets.connect(f"{endpoint.realtime_url}?{query}", additional_headers=sent) as socket:
        messages = []
        with contextlib.suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(EVENT_S_MAX):
                while True:
                    messages.append(validate(await socket.recv()))
    require([message["type"] for message in messages] == ["error"], f"one error event, not {messages}")
    require(messages[0]["error"]["code"] == code, f"the error is {messages[0]['error']}")
    require(socket.close_code == close_code, f"closed with {socket.close_code}")
    require(socket.close_reason == f"invalid_request_error.{code}", f"closed for {socket.close_reason!r}")


async def _type_wish(talk: Conversation) -> None:
    await talk.send({"type": "conversation.item.create", "item": _message("user", "input_text", WISH)})
    await talk.until("conversation.item.done")


def _message(role: str, part_type: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": part_type, "text": text}]}


async def _reply_done(talk: Conversation) -> dict[str, Any]:
    done = await talk.until("response.done")
    require(done["response"]["status"] == "completed", f"the response is {json.dumps(done['response'])[:400]}")
    require_response_order(talk.events, done["response"]["id"])
    return done


async def _error(talk: Conversation, code: str, event_id: str | None = None) -> dict[str, Any]:
    error = (await talk.until("error"))["error"]
    require(error["code"] == code, f"expected {code}, got {error}")
    require(error["event_id"] == event_id, f"the error answers {error['event_id']!r}, not {event_id!r}")
    return error


def _said_aloud(events: list[dict[str, Any]], response_id: str) -> str:
    """The transcript of a response, after checking that there is audible speech of a fitting length under it."""
    mine = [event for event in events if event.get("response_id") == response_id]
    pcm = b"".join(base64.b64decode(e["delta"]) for e in mine if e["type"] == "response.output_audio.delta")
    words = "".join(e["delta"] for e in mine if e["type"] == "response.output_audio_transcript.delta")
    # Nobody speaks faster than 40 letters a second.
    require(len(pcm) / PCM_BYTES_PER_MS > len(words) * 25, f"{len(pcm) // PCM_BYTES_PER_MS} ms for {words!r}")
    require(rms(pcm) > AUDIBLE_RMS, "the reply is silent")
    return words


if __name__ == "__main__":
    check(
        [
            a_session_names_the_agent_and_speaks_24_khz,
            a_spoken_wish_is_heard_and_answered_aloud,
            the_next_turn_goes_on_from_the_first,
            a_typed_wish_is_answered_aloud,
            nobody_speaks_before_the_client_asks,
            a_response_in_progress_can_be_cancelled_once,
            a_second_response_beside_an_active_one_is_refused,
            items_are_kept_under_the_clients_id,
            an_unknown_field_drops_the_whole_update,
            nonsense_is_answered_and_the_conversation_goes_on,
            a_wrong_key_is_refused_after_the_handshake_with_3000,
            an_unknown_agent_is_refused_with_4000,
            a_missing_agent_is_refused_with_4000,
            the_beta_header_is_refused_with_4000,
            every_kind_of_event_that_is_ever_sent_was_held_against_the_sdk,
        ]
    )
