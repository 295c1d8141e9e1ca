"""The OpenAI Agents SDK talks to an agent. It validates every event itself and reports what it refuses."""

import asyncio
import os
from typing import Any

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

import websockets
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession

from facts import Endpoint, check, require
from meaning import INTERRUPTION, WISH, require_facial_and_day, require_facial_taken_up, require_understood
from microphone import AUDIBLE_RMS, Microphone, rms

EVENT_S_MAX = 30.0


class Conversation:
    """Collects what the session tells the application."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.events: list[Any] = []
        self._next = 0
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def until(self, event_type: str) -> Any:
        """The next event of this type after the one the last call returned."""
        try:
            async with asyncio.timeout(EVENT_S_MAX), self._news:
                await self._news.wait_for(lambda: self._skip_to(event_type) or self._reader.done())
        except TimeoutError:
            seen = [event.type for event in self.events if event.type != "raw_model_event"][-12:]
            raise TimeoutError(f"no {event_type} came; the last events were {seen}") from None
        if self._next == 0 or self.events[self._next - 1].type != event_type:
            await self._reader
            raise AssertionError(f"the session ended before {event_type}")
        return self.events[self._next - 1]

    async def finish(self) -> None:
        await self.session.close()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self.require_no_complaint()

    def require_no_complaint(self) -> None:
        """The SDK turns every unknown or malformed event into an error of the session."""
        errors = [str(event.error) for event in self.events if event.type == "error"]
        require(not errors, f"the SDK complains: {errors[:1]}")

    def pcm(self) -> bytes:
        return b"".join(event.audio.data for event in self.events if event.type == "audio")

    def said(self, role: str) -> list[str]:
        """Transcripts in the SDK's own history, oldest first."""
        items = [item for item in self.session._history if getattr(item, "role", None) == role]
        return [_words(item) for item in items]

    def _skip_to(self, event_type: str) -> bool:
        while self._next < len(self.events):
            self._next += 1
            if self.events[self._next - 1].type == event_type:
                return True
        return False

    async def _read(self) -> None:
        try:
            async for event in self.session:
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()
        finally:
            async with self._news:
                self._news.notify_all()


async def a_spoken_wish_is_heard_and_answered_aloud(endpoint: Endpoint) -> None:
    async with await _session(endpoint) as session:
        talk = Conversation(session)
        async with Microphone(session.send_audio) as microphone:
            await microphone.say(WISH)
            await talk.until("audio_end")
            await talk.until("agent_end")
        await talk.finish()
        require_understood(talk.said("user")[0])
        require_facial_taken_up(talk.said("assistant")[-1])
        require(rms(talk.pcm()) > AUDIBLE_RMS, "the reply is silent")


async def a_typed_wish_is_answered_aloud(endpoint: Endpoint) -> None:
    async with await _session(endpoint) as session:
        talk = Conversation(session)
        await session.send_message(WISH)
        await talk.until("audio_end")
        await talk.until("agent_end")
        await talk.finish()
        require_facial_and_day(talk.said("assistant")[-1])
        require(rms(talk.pcm()) > AUDIBLE_RMS, "the reply is silent")


async def speaking_over_a_reply_interrupts_it_without_an_error(endpoint: Endpoint) -> None:
    """The SDK truncates by its own clock and then retrieves the item: both must be answered well."""
    async with await _session(endpoint) as session:
        talk = Conversation(session)
        async with Microphone(session.send_audio) as microphone:
            await session.send_message(WISH)
            await talk.until("audio")
            await microphone.say(INTERRUPTION)
            await talk.until("audio_interrupted")
            await session.send_message(WISH)
            await talk.until("audio")
            await talk.until("audio_end")
        await talk.finish()


async def the_agents_own_words_survive_an_empty_client_persona(endpoint: Endpoint) -> None:
    """This SDK always sends instructions and tools; an agent without any sends them empty."""
    async with await _session(endpoint) as session:
        talk = Conversation(session)
        await session.send_message(WISH)
        await talk.until("agent_end")
        updates = [_raw(event) for event in talk.events if _raw(event).get("type") == "session.updated"]
        await talk.finish()
        require(updates, "session.update is answered")
        model = updates[-1]["session"]["model"]
        require(model == endpoint.agent, f"the agent became {model!r}")
        require_facial_and_day(talk.said("assistant")[-1])


async def a_wrong_key_ends_the_session(endpoint: Endpoint) -> None:
    try:
        async with await _session(Endpoint(endpoint.server, "sb_wrong", endpoint.agent)) as session:
            async for _ in session:
                pass
    except websockets.ConnectionClosedError as closed:
        require(closed.rcvd and closed.rcvd.code == 3000, f"closed with {closed.rcvd}")
    else:
        raise AssertionError("a wrong key was accepted")


async def _session(endpoint: Endpoint) -> RealtimeSession:
    runner = RealtimeRunner(RealtimeAgent(name="caller's view"))
    url = f"{endpoint.realtime_url}?model={endpoint.agent}"
    return await runner.run(model_config={"api_key": endpoint.key, "url": url})


def _words(item: Any) -> str:
    parts = [getattr(part, "transcript", None) or getattr(part, "text", None) or "" for part in item.content]
    return " ".join(parts).strip()


def _raw(event: Any) -> dict[str, Any]:
    data = getattr(getattr(event, "data", None), "data", None)
    return data if isinstance(data, dict) else {}


if __name__ == "__main__":
    check(
        [
            a_spoken_wish_is_heard_and_answered_aloud,
            a_typed_wish_is_answered_aloud,
            speaking_over_a_reply_interrupts_it_without_an_error,
            the_agents_own_words_survive_an_empty_client_persona,
            a_wrong_key_ends_the_session,
        ]
    )
