"""Chromium calls an agent over WebRTC with a microphone that plays a sentence, and hears the answer."""

import shutil
import tempfile
import wave
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from event_order import require_conversation_order
from facts import Endpoint, check, require
from meaning import WISH, require_facial_taken_up, require_understood
from microphone import SAMPLE_RATE_HZ, speech
from strict_events import validate

# Debian's own: no browser is downloaded.
CHROMIUM = "chromium"
# The browser opens the microphone while it connects; the sentence begins after that.
LEAD_S = 2
# After the sentence nobody speaks; the browser would begin the file anew at its end.
REST_S = 60

# Runs in the page, as the code of an application would.
TALK = """async ({key, agent}) => {
    const connection = new RTCPeerConnection();
    const microphone = await navigator.mediaDevices.getUserMedia({audio: true});
    connection.addTrack(microphone.getTracks()[0], microphone);
    const loudspeaker = new Audio();
    connection.ontrack = ({streams, track}) => {
        loudspeaker.srcObject = streams[0] ?? new MediaStream([track]);
        loudspeaker.play();
    };
    const channel = connection.createDataChannel("oai-events");
    const messages = [];
    channel.onmessage = ({data}) => messages.push(data);
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await fetch(`/v1/realtime/calls?model=${agent}`, {
        method: "POST",
        headers: {Authorization: `Bearer ${key}`, "Content-Type": "application/sdp"},
        body: connection.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    await connection.setRemoteDescription({type: "answer", sdp: await answer.text()});
    const ended = () => messages.some((message) => JSON.parse(message).type === "output_audio_buffer.stopped");
    for (let waited = 0; waited < 300 && !ended(); waited += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const reports = [...(await connection.getStats()).values()];
    const heard = reports.find((report) => report.type === "inbound-rtp");
    connection.close();
    return {messages, heard, location: answer.headers.get("location")};
}"""


async def chromium_is_understood_and_hears_the_agent(endpoint: Endpoint) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sentence = Path(folder) / "sentence.wav"
        _write_sentence(sentence)
        talk = await _talk(endpoint, sentence)
    events = [validate(message.encode()) for message in talk["messages"]]
    require_conversation_order(events)
    words = [event["transcript"] for event in events if event["type"].endswith("input_audio_transcription.completed")]
    require_understood(" ".join(words))
    done = [event for event in events if event["type"] == "response.done"]
    require(done, f"no response came: {[event['type'] for event in events]}")
    require_facial_taken_up(done[0]["response"]["output"][0]["content"][0]["transcript"])
    require(talk["location"].startswith("/v1/realtime/calls/rtc_"), f"the call is at {talk['location']!r}")
    heard = talk["heard"]
    require(heard["packetsReceived"] > 50 and heard["totalAudioEnergy"] > 0.01, f"heard {heard}")
    require(heard["packetsLost"] == 0, f"lost {heard['packetsLost']} packets on loopback")


async def _talk(endpoint: Endpoint, sentence: Path) -> dict[str, Any]:
    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={sentence}",
        "--autoplay-policy=no-user-gesture-required",
        "--no-sandbox",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_path(CHROMIUM), args=flags)
        page = await (await browser.new_context(permissions=["microphone"])).new_page()
        # Any page of the server: a microphone needs a secure origin, and loopback is one.
        await page.goto(f"{endpoint.server}/healthz")
        talk = await page.evaluate(TALK, {"key": endpoint.key, "agent": endpoint.agent})
        await browser.close()
    return talk


def _path(program: str) -> str:
    found = shutil.which(program)
    require(found, f"{program} is missing: apt-get install {program}")
    return found


def _write_sentence(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE_HZ)
        second = bytes(SAMPLE_RATE_HZ * 2)
        sound.writeframes(second * LEAD_S + speech(WISH) + second * REST_S)


if __name__ == "__main__":
    check([chromium_is_understood_and_hears_the_agent])
