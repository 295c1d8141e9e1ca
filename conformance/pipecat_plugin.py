"""Pipecat's OpenAI realtime service talks to an agent in a minimal pipeline.

Any unexpected error event ends this client's receive loop while its socket stays open: it goes deaf without a word.
So every fact here ends with a reply that was heard after whatever was tried.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

from facts import Endpoint, check, require
from meaning import INTERRUPTION, WISH, require_facial_and_day, require_facial_taken_up, require_understood
from microphone import AUDIBLE_RMS, SAMPLE_RATE_HZ, Microphone, rms

EVENT_S_MAX = 30.0


class Witness(FrameProcessor):
    """Stands on one side of the service and remembers what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self.pcm = bytearray()
        self.heard: list[str] = []
        self.errors: list[str] = []
        self.replies = 0
        self.interruptions = 0
        self._news = asyncio.Condition()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self._remember(frame)
        async with self._news:
            self._news.notify_all()
        await self.push_frame(frame, direction)

    async def until(self, what: str, reached: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(EVENT_S_MAX), self._news:
                await self._news.wait_for(reached)
        except TimeoutError:
            raise TimeoutError(f"{what} never came; errors: {self.errors}") from None

    def begin(self) -> None:
        """Forgets the words and the audio of earlier replies."""
        self.words = ""
        self.pcm.clear()
        self.replies = 0

    def _remember(self, frame: Frame) -> None:
        match frame:
            case ErrorFrame():
                self.errors.append(frame.error)
            case TTSTextFrame():
                self.words += frame.text
            case TTSAudioRawFrame():
                self.pcm += frame.audio
            case TranscriptionFrame():
                self.heard.append(frame.text)
            case LLMFullResponseEndFrame() if self.pcm:
                self.replies += 1
            case InterruptionFrame():
                self.interruptions += 1


class Conversation:
    """A running pipeline: `before` sees what the service sends upstream, `after` what it sends on."""

    def __init__(self, worker: PipelineWorker, before: Witness, after: Witness) -> None:
        self.worker = worker
        self.before = before
        self.after = after

    async def append(self, pcm: bytes) -> None:
        frame = InputAudioRawFrame(audio=pcm, sample_rate=SAMPLE_RATE_HZ, num_channels=1)
        await self.worker.queue_frame(frame)

    async def reply(self) -> str:
        """The words of the next finished reply, after checking that it was audible."""
        await self.after.until("a reply", lambda: self.after.replies > 0)
        require(rms(bytes(self.after.pcm)) > AUDIBLE_RMS, "the reply is silent")
        words = self.after.words
        self.after.begin()
        return words


@contextlib.asynccontextmanager
async def conversation(endpoint: Endpoint, messages: list[dict] | None = None) -> AsyncIterator[Conversation]:
    settings = OpenAIRealtimeLLMService.Settings(model=endpoint.agent)
    service = OpenAIRealtimeLLMService(api_key=endpoint.key, base_url=endpoint.realtime_url, settings=settings)
    context = LLMContextAggregatorPair(LLMContext(messages or []))
    before, after = Witness(), Witness()
    pipeline = Pipeline([before, context.user(), service, after, context.assistant()])
    rates = PipelineParams(audio_in_sample_rate=SAMPLE_RATE_HZ, audio_out_sample_rate=SAMPLE_RATE_HZ)
    worker = PipelineWorker(pipeline, params=rates, idle_timeout_secs=None)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        yield Conversation(worker, before, after)
    finally:
        await worker.queue_frame(EndFrame())
        await asyncio.wait_for(running, EVENT_S_MAX)
    errors = before.errors + after.errors
    require(not errors, f"the service complains: {errors[:1]}")


async def a_spoken_wish_is_answered_aloud(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk, Microphone(talk.append) as microphone:
        await microphone.say(WISH)
        require_facial_taken_up(await talk.reply())
        for transcript in talk.before.heard[:1]:
            require_understood(transcript)


async def a_wish_in_the_context_is_answered_aloud(endpoint: Endpoint) -> None:
    async with conversation(endpoint, [{"role": "user", "content": WISH}]) as talk:
        await talk.worker.queue_frame(LLMRunFrame())
        require_facial_and_day(await talk.reply())


async def after_an_interruption_the_next_reply_is_heard(endpoint: Endpoint) -> None:
    """On barge-in it truncates at the shorter of wall clock and audio received; an error for that would end it."""
    async with conversation(endpoint, [{"role": "user", "content": WISH}]) as talk:
        async with Microphone(talk.append) as microphone:
            await talk.worker.queue_frame(LLMRunFrame())
            await talk.after.until("audio", lambda: len(talk.after.pcm) > 0)
            await microphone.say(INTERRUPTION)
            await talk.after.until("an interruption", lambda: talk.after.interruptions > 0)
            talk.after.begin()
            await microphone.say(WISH)
            require(await talk.reply(), "nothing was said after the interruption")


async def a_wrong_key_is_reported(endpoint: Endpoint) -> None:
    with contextlib.suppress(AssertionError):
        async with conversation(Endpoint(endpoint.server, "sb_wrong", endpoint.agent)) as talk:
            await talk.before.until("an error", lambda: talk.before.errors)
    require(any("invalid_api_key" in error for error in talk.before.errors), f"reported {talk.before.errors}")


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    check(
        [
            a_spoken_wish_is_answered_aloud,
            a_wish_in_the_context_is_answered_aloud,
            after_an_interruption_the_next_reply_is_heard,
            a_wrong_key_is_reported,
        ]
    )
