"""LiveKit's OpenAI plugin talks to an agent: its bare model session, then a whole `AgentSession` without a room."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, io, llm
from livekit.plugins.openai.realtime import RealtimeModel, RealtimeSession

from facts import Endpoint, check, require
from meaning import INTERRUPTION, WISH, require_facial_and_day, require_facial_taken_up, require_understood
from microphone import AUDIBLE_RMS, SAMPLE_RATE_HZ, Microphone, rms

EVENT_S_MAX = 30.0
# The plugin retries a refused connection after 0.1 s; in this time it would have come back several times.
NO_RETRY_S = 1.5


class Conversation:
    """Gathers what the plugin reports: replies with their words and audio, transcripts, errors, reconnections."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.replies: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.started = asyncio.Event()
        self.complaints: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        session.on("generation_created", lambda event: self._tasks.append(asyncio.create_task(self._listen(event))))
        session.on("input_audio_transcription_completed", self._on_transcript)
        session.on("error", lambda event: self.complaints.append(str(event.error)))
        session.on("session_reconnected", lambda _: self.complaints.append("reconnected"))

    async def append(self, pcm: bytes) -> None:
        self.session.push_audio(rtc.AudioFrame(pcm, SAMPLE_RATE_HZ, 1, len(pcm) // 2))

    async def reply(self) -> tuple[str, bytes]:
        """Words and audio of the next finished reply."""
        return await asyncio.wait_for(self.replies.get(), EVENT_S_MAX)

    def _on_transcript(self, event: llm.InputTranscriptionCompleted) -> None:
        if event.is_final:
            self.heard.put_nowait(event.transcript)

    async def _listen(self, generation: llm.GenerationCreatedEvent) -> None:
        async for message in generation.message_stream:
            words, pcm = await asyncio.gather(_joined(message.text_stream), self._hear(message.audio_stream))
            self.replies.put_nowait((words, pcm))

    async def _hear(self, frames: Any) -> bytes:
        pcm = bytearray()
        async for frame in frames:
            self.started.set()
            pcm += frame.data.tobytes()
        return bytes(pcm)


@contextlib.asynccontextmanager
async def conversation(endpoint: Endpoint) -> AsyncIterator[Conversation]:
    model = _model(endpoint)
    talk = Conversation(model.session())
    try:
        yield talk
    finally:
        await talk.session.aclose()
        await model.aclose()
    require(not talk.complaints, f"the plugin complains: {talk.complaints}")


async def a_spoken_wish_is_heard_and_answered_aloud(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk, Microphone(talk.append) as microphone:
        await microphone.say(WISH)
        require_understood(await asyncio.wait_for(talk.heard.get(), EVENT_S_MAX))
        words, pcm = await talk.reply()
        require_facial_taken_up(words)
        require(rms(pcm) > AUDIBLE_RMS, "the reply is silent")


async def history_is_taken_over_and_a_reply_made_on_request(endpoint: Endpoint) -> None:
    """The plugin waits 5 s for its items to come back under its ids, and 10 s for a response with its metadata."""
    async with conversation(endpoint) as talk:
        history = llm.ChatContext.empty()
        history.add_message(role="user", content="hello")
        history.add_message(role="assistant", content="Hello, how can I help?")
        history.add_message(role="user", content=WISH)
        await talk.session.update_chat_ctx(history)
        generation = await talk.session.generate_reply()
        require(generation.user_initiated, "the response is recognised as the one asked for")
        words, _ = await talk.reply()
        require_facial_and_day(words)
        texts = [item.text_content for item in talk.session.chat_ctx.items if item.type == "message"]
        require(texts[:3] == ["hello", "Hello, how can I help?", WISH], f"the history became {texts}")


async def a_cancelled_and_truncated_reply_leaves_the_session_usable(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        history = llm.ChatContext.empty()
        history.add_message(role="user", content=WISH)
        await talk.session.update_chat_ctx(history)
        await talk.session.generate_reply()
        await asyncio.wait_for(talk.started.wait(), EVENT_S_MAX)
        talk.session.interrupt()
        await talk.reply()
        cut = talk.session.chat_ctx.items[-1]
        talk.session.truncate(message_id=cut.id, modalities=["audio", "text"], audio_end_ms=100)
        await talk.session.generate_reply()
        words, pcm = await talk.reply()
        require(words and rms(pcm) > AUDIBLE_RMS, f"the reply after the interruption is {words!r}")


async def an_agent_session_is_interrupted_and_answers_what_comes_next(endpoint: Endpoint) -> None:
    """What an application really runs; on barge-in it sends response.cancel and a truncate of its own.

    How well words are heard in the middle of a talk is the offline model's matter, not the protocol's.
    """
    async with agent_session(endpoint) as room, Microphone(room.ears.hear) as microphone:
        await microphone.say(WISH)
        await asyncio.wait_for(room.mouth.speaking.wait(), EVENT_S_MAX)
        await microphone.say(INTERRUPTION)
        await asyncio.wait_for(room.mouth.stopped.wait(), EVENT_S_MAX)
        room.forget()
        await microphone.say(WISH)
        await room.reply_to_words()


async def an_agent_session_answers_what_is_typed(endpoint: Endpoint) -> None:
    async with agent_session(endpoint) as room:
        await asyncio.wait_for(room.session.run(user_input=WISH), EVENT_S_MAX)
        require_facial_and_day(await room.reply_with("facial"))


async def a_wrong_key_is_final_and_not_retried(endpoint: Endpoint) -> None:
    model = _model(Endpoint(endpoint.server, "sb_wrong", endpoint.agent))
    session = model.session()
    errors: list[llm.RealtimeModelError] = []
    refused = asyncio.Event()
    session.on("error", lambda event: (errors.append(event), refused.set()))
    await asyncio.wait_for(refused.wait(), EVENT_S_MAX)
    await asyncio.sleep(NO_RETRY_S)
    require(len(errors) == 1 and not errors[0].recoverable, f"retried or recoverable: {errors}")
    await asyncio.gather(session.aclose(), return_exceptions=True)
    await model.aclose()


@contextlib.asynccontextmanager
async def agent_session(endpoint: Endpoint) -> AsyncIterator["Room"]:
    """A whole agent session, without the seconds in which it ignores the caller to let an echo canceller settle."""
    model = _model(endpoint)
    session = AgentSession(llm=model, aec_warmup_duration=None)
    room = Room(session)
    await session.start(Agent(instructions=""))
    try:
        yield room
    finally:
        await session.aclose()
        await model.aclose()
    require(not room.complaints, f"the session complains: {room.complaints}")


class Room:
    """Ears and a mouth for an `AgentSession`, in place of a LiveKit room, and a note of what was said."""

    def __init__(self, session: AgentSession) -> None:
        self.session = session
        self.ears = Ears()
        self.mouth = Mouth()
        self.heard: list[str] = []
        self.complaints: list[str] = []
        self._replies: asyncio.Queue[str] = asyncio.Queue()
        session.input.audio = self.ears
        session.output.audio = self.mouth
        session.on("user_input_transcribed", lambda event: self.heard.append(event.transcript))
        session.on("error", lambda event: self.complaints.append(str(event.error)))
        session.on("conversation_item_added", self._on_item)

    def forget(self) -> None:
        """Drops transcripts and replies so far."""
        self.heard.clear()
        self._replies = asyncio.Queue()

    async def reply_with(self, word: str) -> str:
        """The first finished reply that holds the word."""
        async with asyncio.timeout(EVENT_S_MAX):
            while word not in (reply := await self._replies.get()).lower():
                pass
        return reply

    async def reply_to_words(self) -> str:
        """The first finished reply after words of the caller came; the cut reply before them does not count."""
        async with asyncio.timeout(EVENT_S_MAX):
            while not (reply := await self._replies.get()) or not any(self.heard):
                pass
        return reply

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if getattr(event.item, "role", None) == "assistant":
            self._replies.put_nowait(event.item.text_content or "")


class Ears(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="ears")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def hear(self, pcm: bytes) -> None:
        self._frames.put_nowait(rtc.AudioFrame(pcm, SAMPLE_RATE_HZ, 1, len(pcm) // 2))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class Mouth(io.AudioOutput):
    """Plays in real time, so that a barge-in finds a reply that is still being heard."""

    def __init__(self) -> None:
        super().__init__(
            label="mouth", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=SAMPLE_RATE_HZ
        )
        self.speaking = asyncio.Event()
        self.stopped = asyncio.Event()
        self._length_s = 0.0
        self._began = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._length_s:
            self._began = asyncio.get_running_loop().time()
            self.speaking.set()
        self._length_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._length_s:
            loop = asyncio.get_running_loop()
            self._end = loop.call_at(self._began + self._length_s, self._finish, False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        if self._end:
            self._end.cancel()
        if not self._length_s:
            return
        played_s = min(asyncio.get_running_loop().time() - self._began, self._length_s)
        self._length_s = 0.0
        self.stopped.set()
        self.on_playback_finished(playback_position=played_s, interrupted=interrupted)


def _model(endpoint: Endpoint) -> RealtimeModel:
    return RealtimeModel(model=endpoint.agent, api_key=endpoint.key, base_url=endpoint.base_url)


async def _joined(texts: AsyncIterator[str]) -> str:
    return "".join([text async for text in texts])


if __name__ == "__main__":
    check(
        [
            a_spoken_wish_is_heard_and_answered_aloud,
            history_is_taken_over_and_a_reply_made_on_request,
            a_cancelled_and_truncated_reply_leaves_the_session_usable,
            an_agent_session_is_interrupted_and_answers_what_comes_next,
            an_agent_session_answers_what_is_typed,
            a_wrong_key_is_final_and_not_retried,
        ]
    )
