"""aiortc, a WebRTC stack that shares no code with ours, calls an agent: ICE, DTLS, SRTP, Opus, G.711 and the data channel."""

import asyncio
import contextlib
import fractions
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import av
import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from event_order import require_conversation_order
from facts import Endpoint, check, require
from meaning import INTERRUPTION, WISH, require_facial_and_day, require_facial_taken_up, require_understood
from microphone import AUDIBLE_RMS, FRAME_BYTES, SAMPLE_RATE_HZ, SILENCE, rms, speech
from strict_events import validate

# From the end of a spoken sentence to the last event of the answer, with a slow recogniser on a busy machine.
EVENT_S_MAX = 30.0
# From the hang-up to the row that says so: the journal writes in batches.
ROW_S_MAX = 10.0
FRAME_S = 0.02


class Voice(MediaStreamTrack):
    """A microphone track: 20 ms frames in real time, silence until it is told to say something."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._began: float | None = None
        self._sent = 0

    async def say(self, text: str) -> None:
        pcm = await asyncio.to_thread(speech, text)
        for start in range(0, len(pcm), FRAME_BYTES):
            self._frames.put_nowait(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        await self._frames.join()

    async def recv(self) -> av.AudioFrame:
        now = time.monotonic()
        self._began = self._began or now
        await asyncio.sleep(max(0.0, self._began + self._sent * FRAME_S - now))
        spoken = not self._frames.empty()
        pcm = self._frames.get_nowait() if spoken else SILENCE
        if spoken:
            self._frames.task_done()
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._sent * len(pcm) // 2
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
        self._sent += 1
        return frame


class Call:
    """One call: its connection, the events it got and how loud the agent was."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.voice = Voice()
        self.events: list[dict[str, Any]] = []
        self.location = ""
        self.loudest = 0.0
        self.ended = asyncio.Event()
        self._audible = 0
        self._next = 0
        self._news = asyncio.Condition()
        self._listening: asyncio.Task[None] | None = None
        self._channel = self.connection.createDataChannel("oai-events")
        self._channel.on("message", self._on_message)
        self._channel.on("close", self.ended.set)
        self.connection.on("track", self._on_track)
        self._transceiver = self.connection.addTransceiver(self.voice, direction="sendrecv")

    def speak_only(self, mime_type: str) -> None:
        """Offers no other codec."""
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        self._transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType.lower() == mime_type.lower()])

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def dial(self, session: dict[str, Any] | None) -> None:
        """With a session as multipart; without one as bare SDP, and the agent named in the address."""
        sdp = await self.offer()
        answer = await post_offer(self.endpoint, sdp, session)
        require(answer.status_code == 201, f"the offer was answered {answer.status_code}: {answer.text}")
        require(answer.headers["content-type"].startswith("application/sdp"), f"{answer.headers['content-type']}")
        self.location = answer.headers["location"]
        require(self.location.startswith("/v1/realtime/calls/rtc_"), f"the call is at {self.location!r}")
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer.text, type="answer"))

    def send(self, event: dict[str, Any]) -> None:
        self._channel.send(json.dumps(event))

    async def until(self, event_type: str, matching: Callable[[dict], bool] = lambda _: True) -> dict[str, Any]:
        """The next event of this type after the one the last call returned."""
        async with asyncio.timeout(EVENT_S_MAX), self._news:
            while True:
                while self._next < len(self.events):
                    event = self.events[self._next]
                    self._next += 1
                    if event["type"] == event_type and matching(event):
                        return event
                try:
                    await self._news.wait()
                except asyncio.CancelledError:
                    seen = [event["type"] for event in self.events][-12:]
                    raise TimeoutError(f"no {event_type} came; the last events were {seen}") from None

    def only(self, event_type: str) -> dict[str, Any]:
        """The one event of this type that came so far."""
        found = [event for event in self.events if event["type"] == event_type]
        require(len(found) == 1, f"{len(found)} times {event_type}")
        return found[0]

    @property
    def audible_s(self) -> float:
        """Seconds in which the agent was audible."""
        return self._audible * FRAME_S

    async def hang_up(self) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.post(self.endpoint.server + self.location + "/hangup", headers=key_of(self.endpoint))
        require(answer.status_code == 200, f"hangup was answered {answer.status_code}")

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
        await self.connection.close()

    def _on_message(self, message: str) -> None:
        self.events.append(validate(message.encode()))
        asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                loudness = rms(bytes(frame.planes[0])[: frame.samples * 2 * len(frame.layout.channels)])
                self.loudest = max(self.loudest, loudness)
                self._audible += loudness > AUDIBLE_RMS


SESSION = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}}},
}


def key_of(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.key}"}


async def post_offer(endpoint: Endpoint, sdp: str, session: dict[str, Any] | None) -> httpx.Response:
    async with httpx.AsyncClient(timeout=20) as client:
        url = f"{endpoint.base_url}/realtime/calls"
        if session is None:
            headers = {**key_of(endpoint), "Content-Type": "application/sdp"}
            return await client.post(url, params={"model": endpoint.agent}, content=sdp, headers=headers)
        parts = {
            "sdp": (None, sdp, "application/sdp"),
            "session": (None, json.dumps({**session, "model": endpoint.agent}), "application/json"),
        }
        return await client.post(url, files=parts, headers=key_of(endpoint))


@contextlib.asynccontextmanager
async def call(endpoint: Endpoint, session: dict[str, Any] | None = None, codec: str | None = None) -> AsyncIterator[Call]:
    talk = Call(endpoint)
    try:
        if codec:
            talk.speak_only(codec)
        await talk.dial(session)
        await talk.until("session.created")
        yield talk
        require_conversation_order(talk.events)
        require(not any(event["type"] == "response.output_audio.delta" for event in talk.events), "audio came as events too")
    finally:
        await talk.close()


async def a_spoken_wish_over_opus_is_understood_and_answered_aloud(endpoint: Endpoint) -> None:
    async with call(endpoint, SESSION) as talk:
        detection = talk.events[0]["session"]["audio"]["input"]["turn_detection"]
        require(detection["silence_duration_ms"] == 500, f"the session of the offer holds: {detection}")
        await talk.voice.say(WISH)
        stopped = await talk.until("output_audio_buffer.stopped")
        # Words, reply and loudspeaker go their own ways: only the end of the sound is surely last.
        heard = talk.only("conversation.item.input_audio_transcription.completed")
        started = talk.only("output_audio_buffer.started")
        done = talk.only("response.done")
        require_understood(heard["transcript"])
        require(started["response_id"] == stopped["response_id"] == done["response"]["id"], "one response is played")
        require_facial_taken_up(done["response"]["output"][0]["content"][0]["transcript"])
        require(talk.audible_s > 1.0, f"the agent was audible for {talk.audible_s:.1f} s, at most {talk.loudest:.0f}")


async def a_telephone_codec_carries_a_talk_too(endpoint: Endpoint) -> None:
    for codec in ["audio/PCMU", "audio/PCMA"]:
        async with call(endpoint, SESSION, codec) as talk:
            await _type_wish(talk)
            done = await talk.until("response.done")
            require_facial_and_day(done["response"]["output"][0]["content"][0]["transcript"])
            await talk.until("output_audio_buffer.stopped")
            require(talk.audible_s > 1.0, f"{codec}: audible for {talk.audible_s:.1f} s, at most {talk.loudest:.0f}")


async def a_caller_who_interrupts_silences_the_agent_and_is_told_what_was_heard(endpoint: Endpoint) -> None:
    async with call(endpoint, SESSION) as talk:
        await _type_wish(talk)
        await talk.until("output_audio_buffer.started")
        await talk.voice.say(INTERRUPTION)
        cleared = await talk.until("output_audio_buffer.cleared")
        responses = {event["response"]["id"]: event["response"] for event in talk.events if event["type"] == "response.done"}
        status = responses.get(cleared["response_id"], {}).get("status", "cancelled")
        require(status in ("cancelled", "completed"), f"the interrupted response is {status}")
        truncated = await talk.until("conversation.item.truncated")
        require(truncated["audio_end_ms"] > 0, "something of it was heard")


async def audio_as_an_event_is_refused_because_it_comes_over_the_track(endpoint: Endpoint) -> None:
    async with call(endpoint) as talk:
        talk.send({"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "mine"})
        error = await talk.until("error")
        require(error["error"]["event_id"] == "mine", f"the error answers {error['error']}")


async def a_call_that_is_hung_up_ends_here_and_in_the_books(endpoint: Endpoint) -> None:
    async with call(endpoint) as talk:
        require((await _row(endpoint, talk))["ended_at"] is None, "it is live")
        await talk.hang_up()
        async with asyncio.timeout(ROW_S_MAX):
            await talk.ended.wait()
            while (await _row(endpoint, talk))["ended_at"] is None:
                await asyncio.sleep(0.1)


async def a_client_that_closes_its_connection_ends_its_call(endpoint: Endpoint) -> None:
    async with call(endpoint) as talk:
        await _row(endpoint, talk)
    async with asyncio.timeout(ROW_S_MAX):
        while (await _row(endpoint, talk))["ended_at"] is None:
            await asyncio.sleep(0.1)


async def an_offer_nobody_can_answer_is_refused_and_disturbs_no_call(endpoint: Endpoint) -> None:
    async with call(endpoint) as talk:
        other = Call(endpoint)
        sdp = await other.offer()
        await other.close()
        video = sdp.replace("m=audio", "m=video")
        unknown = "\r\n".join(
            "m=audio 9 UDP/TLS/RTP/SAVPF 97" if line.startswith("m=audio") else line
            for line in sdp.split("\r\n")
            if not line.startswith(("a=rtpmap", "a=fmtp", "a=rtcp-fb"))
        )
        for refused, status, code in [
            ("hello", 400, "invalid_offer"),
            (video, 400, "invalid_offer"),
            (unknown, 400, "invalid_offer"),
            (sdp.replace("a=fingerprint", "a=x-fingerprint"), 400, "invalid_offer"),
            (sdp + "a=x\r\n" * 200_000, 413, "request_too_large"),
        ]:
            answer = await post_offer(endpoint, refused, None)
            error = answer.json()["error"]
            require((answer.status_code, error["code"]) == (status, code), f"{answer.status_code}: {error}")
        wrong = Endpoint(endpoint.server, "sk_sb_" + "0" * 32, endpoint.agent)
        answer = await post_offer(wrong, sdp, None)
        require(answer.status_code == 401, f"a wrong key was answered {answer.status_code}")
        nobody = await post_offer(Endpoint(endpoint.server, endpoint.key, "nobody"), sdp, None)
        require(nobody.json()["error"]["code"] == "invalid_model", f"{nobody.text}")
        await _type_wish(talk)
        await talk.until("output_audio_buffer.started")


async def _type_wish(talk: Call) -> None:
    content = [{"type": "input_text", "text": WISH}]
    talk.send({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}})
    talk.send({"type": "response.create"})


async def _row(endpoint: Endpoint, talk: Call) -> dict[str, Any]:
    """The row of the call as the API shows it. Waits for it to be written."""
    digits = talk.location.rsplit("_", 1)[1]
    async with asyncio.timeout(ROW_S_MAX), httpx.AsyncClient() as client:
        while True:
            answer = await client.get(f"{endpoint.server}/api/v1/calls", headers=key_of(endpoint))
            rows = [row for row in answer.json()["items"] if row["id"].replace("-", "") == digits]
            if rows:
                return rows[0]
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    check(
        [
            a_spoken_wish_over_opus_is_understood_and_answered_aloud,
            a_telephone_codec_carries_a_talk_too,
            a_caller_who_interrupts_silences_the_agent_and_is_told_what_was_heard,
            audio_as_an_event_is_refused_because_it_comes_over_the_track,
            a_call_that_is_hung_up_ends_here_and_in_the_books,
            a_client_that_closes_its_connection_ends_its_call,
            an_offer_nobody_can_answer_is_refused_and_disturbs_no_call,
        ]
    )
