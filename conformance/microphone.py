"""A microphone that speaks: 24 kHz PCM frames in real time, silence in between, speech from espeak-ng.

Clients of a realtime endpoint stream all the time, not only while somebody talks, and the server's turn detection
lives on that stream. Sending speech faster than real time would test something no caller does.
"""

import array
import asyncio
import io
import math
import subprocess
import wave
from collections.abc import Awaitable, Callable
from functools import cache

SAMPLE_RATE_HZ = 24_000
FRAME_MS = 20
FRAME_BYTES = SAMPLE_RATE_HZ * FRAME_MS // 1000 * 2
# Room noise of zero would be unlike any microphone, but synthetic hiss would test the recogniser, not the protocol.
SILENCE = bytes(FRAME_BYTES)
# Below this root mean square (of 32767) a buffer counts as silence.
AUDIBLE_RMS = 200.0


class Microphone:
    """Sends a frame every 20 ms through `send` while it is open. Use as `async with Microphone(send) as microphone`."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Microphone":
        self._task = asyncio.create_task(self._stream())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def say(self, text: str) -> None:
        """Speaks the sentence and returns when its last frame was sent."""
        pcm = await asyncio.to_thread(speech, text)
        for start in range(0, len(pcm), FRAME_BYTES):
            self._frames.put_nowait(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        await self._frames.join()

    async def _stream(self) -> None:
        clock = asyncio.get_running_loop()
        due = clock.time()
        while True:
            spoken = not self._frames.empty()
            await self._send(self._frames.get_nowait() if spoken else SILENCE)
            if spoken:
                self._frames.task_done()
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - clock.time()))


@cache
def speech(text: str) -> bytes:
    """The sentence as 16-bit little-endian mono PCM at 24 kHz."""
    command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", text]
    try:
        spoken = subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError as missing:
        raise RuntimeError("espeak-ng is missing: apt-get install espeak-ng") from missing
    # A wave file written to a pipe carries no true length; the module reads what is there.
    with wave.open(io.BytesIO(spoken)) as sound:
        rate_hz = sound.getframerate()
        samples = array.array("h", sound.readframes(len(spoken) // 2))
    return _resample(samples, rate_hz, SAMPLE_RATE_HZ).tobytes()


def rms(pcm: bytes) -> float:
    """Root mean square of 16-bit samples."""
    samples = array.array("h", pcm[: len(pcm) // 2 * 2])
    return math.sqrt(sum(sample * sample for sample in samples) / max(1, len(samples)))


def _resample(samples: array.array, from_hz: int, to_hz: int, taps: int = 12) -> array.array:
    """Windowed sinc. Only ever upwards (22,050 to 24,000), so the source's own band is the limit."""
    output = array.array("h")
    for position in range(len(samples) * to_hz // from_hz):
        exact = position * from_hz / to_hz
        nearest = int(exact)
        total = 0.0
        for index in range(max(0, nearest - taps + 1), min(len(samples), nearest + taps + 1)):
            distance = exact - index
            window = 0.5 + 0.5 * math.cos(math.pi * distance / (taps + 1))
            total += (
                samples[index] * window * (math.sin(math.pi * distance) / (math.pi * distance) if distance else 1.0)
            )
        output.append(max(-32768, min(32767, round(total))))
    return output
