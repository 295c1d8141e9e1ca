"""werift, a WebRTC stack for Node that shares no code with ours, speaks with an agent in PCMU. The call is in `node/werift.mjs`."""

import array
import asyncio
import base64
import json
import tempfile
from pathlib import Path

from event_order import require_conversation_order
from facts import Endpoint, check, require
from meaning import WISH, require_facial_taken_up, require_understood
from microphone import AUDIBLE_RMS, rms, speech
from strict_events import validate

# Where `npm ci` was run.
FOLDER = Path(__file__).parent / "node"
# Samples at 24 kHz for one at 8 kHz.
SHRINK = 3
FRAME_BYTES = 160
FRAME_S = 0.02
# The script gives up earlier.
SCRIPT_S_MAX = 55


async def werift_is_understood_and_hears_the_agent(endpoint: Endpoint) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sentence = Path(folder) / "sentence.ulaw"
        sentence.write_bytes(_mu_law(_telephone(speech(WISH))))
        talk = await _talk(endpoint, sentence)
    events = [validate(event.encode()) for event in talk["events"]]
    require_conversation_order(events)
    words = [event["transcript"] for event in events if event["type"].endswith("input_audio_transcription.completed")]
    require_understood(" ".join(words))
    done = [event for event in events if event["type"] == "response.done"]
    require(done, f"no response came: {[event['type'] for event in events]}")
    require_facial_taken_up(done[0]["response"]["output"][0]["content"][0]["transcript"])
    heard = base64.b64decode(talk["heard"])
    frames = [_linear(heard[start : start + FRAME_BYTES]) for start in range(0, len(heard), FRAME_BYTES)]
    audible_s = sum(rms(frame) > AUDIBLE_RMS for frame in frames) * FRAME_S
    require(audible_s > 1.0, f"the agent was audible for {audible_s:.1f} s in {talk['packets']} packets")


async def _talk(endpoint: Endpoint, sentence: Path) -> dict:
    command = ["node", str(FOLDER / "werift.mjs"), endpoint.server, endpoint.key, endpoint.agent, str(sentence)]
    script = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        output, log = await asyncio.wait_for(script.communicate(), SCRIPT_S_MAX)
    except TimeoutError:
        script.kill()
        raise
    require(script.returncode == 0, f"the script ended with {script.returncode}: {log.decode(errors='replace')[-600:]}")
    return json.loads(output)


def _telephone(pcm: bytes) -> array.array:
    """8 kHz from 24 kHz. The mean of three is filter enough for a sentence of espeak-ng."""
    samples = array.array("h", pcm)
    whole = len(samples) // SHRINK * SHRINK
    return array.array("h", (sum(samples[start : start + SHRINK]) // SHRINK for start in range(0, whole, SHRINK)))


def _mu_law(samples: array.array) -> bytes:
    """G.711: sign, the place of the highest bit, the four bits behind it, all inverted."""
    coded = bytearray()
    for sample in samples:
        magnitude = min(abs(sample), 32_635) + 132
        exponent = magnitude.bit_length() - 8
        mantissa = magnitude >> (exponent + 3) & 0x0F
        coded.append(~((0x80 if sample < 0 else 0) | exponent << 4 | mantissa) & 0xFF)
    return bytes(coded)


def _linear(coded: bytes) -> bytes:
    samples = array.array("h")
    for code in coded:
        code = ~code & 0xFF
        magnitude = ((code & 0x0F) << 3 | 0x84) << (code >> 4 & 7)
        samples.append((132 - magnitude) if code & 0x80 else (magnitude - 132))
    return samples.tobytes()


if __name__ == "__main__":
    check([werift_is_understood_and_hears_the_agent])
