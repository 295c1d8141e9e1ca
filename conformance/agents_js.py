"""The OpenAI agents SDK for JavaScript talks to an agent from a page in Chromium, with an ephemeral token.

    AGENTS_JS=FOLDER/node_modules/@openai/agents-realtime python conformance/agents_js.py --server … --key … --agent …

`cargo xtask conformance` installs the package of `conformance/agents-js` and names it in AGENTS_JS.
"""

import os
import tempfile
import wave
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from playwright.async_api import async_playwright

from facts import Endpoint, check, require
from meaning import WISH, require_facial_and_day
from microphone import SAMPLE_RATE_HZ
from strict_events import validate
from webrtc_browser import CHROMIUM, _path

BUNDLE = "dist/bundle/openai-realtime-agents.umd.js"
# Nobody speaks: these talks are typed.
SILENCE_S = 60

# Runs in the page, as the code of an application would: the SDK's own session, over one of its transports.
TALK = """async ({token, transport, url, wish}) => {
    const {RealtimeAgent, RealtimeSession, OpenAIRealtimeWebRTC} = window.OpenAIAgentsRealtime;
    const agent = new RealtimeAgent({name: "page", instructions: "You are somebody else."});
    const over = transport === "webrtc" ? new OpenAIRealtimeWebRTC({baseUrl: url}) : "websocket";
    const session = new RealtimeSession(agent, {transport: over, tracingDisabled: true});
    const raw = [], errors = [], seen = [];
    session.on("error", ({error}) => errors.push(JSON.stringify(error, Object.getOwnPropertyNames(error ?? {}))));
    session.on("audio_interrupted", () => seen.push("audio_interrupted"));
    session.transport.on("*", (event) => raw.push(event));
    const said = (role) => session.history
        .filter((item) => item.type === "message" && item.role === role)
        .map((item) => item.content.map((part) => part.transcript ?? part.text ?? "").join(""));
    const count = (type) => raw.filter((event) => event.type === type).length;
    const until = async (what, holds) => {
        for (let waited = 0; waited < 200; waited += 1) {
            if (holds()) return;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`waited in vain: ${what}; errors ${errors}; events ${raw.map((event) => event.type).slice(-12)}`);
    };
    await session.connect({apiKey: token, url});
    session.transport.sendEvent({type: "response.create"});
    await until("the greeting", () => count("response.done") === 1 && said("assistant").some((words) => words !== ""));
    const greeting = said("assistant")[0];
    session.sendMessage(wish);
    await until("an answer", () => count("response.done") === 2 && said("assistant").filter((words) => words).length > 1);
    const answer = said("assistant").at(-1);
    session.sendMessage(wish);
    const sound = transport === "webrtc" ? "output_audio_buffer.started" : "response.output_audio.delta";
    const before = count(sound);
    await until("a third answer's sound", () => count(sound) > before && count("response.created") === 3);
    session.interrupt();
    const cut = transport === "webrtc" ? "output_audio_buffer.cleared" : "conversation.item.truncated";
    // Over WebRTC the SDK leaves it to the server to stop the sound, and says nothing itself.
    await until("the cut", () => count(cut) > 0 && (transport === "webrtc" || seen.includes("audio_interrupted")));
    session.close();
    return {greeting, answer, errors, raw: raw.map((event) => JSON.stringify(event))};
}"""

REFUSED = """async ({token, url}) => {
    const {RealtimeAgent, RealtimeSession, OpenAIRealtimeWebRTC} = window.OpenAIAgentsRealtime;
    const agent = new RealtimeAgent({name: "page"});
    const session = new RealtimeSession(agent, {transport: new OpenAIRealtimeWebRTC({baseUrl: url})});
    session.on("error", () => {});
    try {
        await session.connect({apiKey: token, url});
        return "connected";
    } catch (error) {
        return String(error);
    } finally {
        session.close();
    }
}"""


async def the_sdk_talks_over_webrtc_and_interrupts(endpoint: Endpoint) -> None:
    await _talks(endpoint, "webrtc", f"{endpoint.base_url}/realtime/calls")


async def the_sdk_talks_over_its_websocket_and_interrupts(endpoint: Endpoint) -> None:
    await _talks(endpoint, "websocket", f"{endpoint.realtime_url}?model={endpoint.agent}")


async def a_foreign_token_connects_nobody(endpoint: Endpoint) -> None:
    foreign = "ek_" + "0" * 64
    told = await _in_page(endpoint, REFUSED, {"token": foreign, "url": f"{endpoint.base_url}/realtime/calls"})
    require(told != "connected", "a token of nobody's connected")


async def _talks(endpoint: Endpoint, transport: str, url: str) -> None:
    given = {"token": await _token(endpoint), "transport": transport, "url": url, "wish": WISH}
    talk = await _in_page(endpoint, TALK, given)
    require(not talk["errors"], f"the SDK complains: {talk['errors'][:1]}")
    require(talk["greeting"].strip(), "the greeting has no words")
    require_facial_and_day(talk["answer"])
    for event in talk["raw"]:
        validate(event.encode())


async def _token(endpoint: Endpoint) -> str:
    client = AsyncOpenAI(api_key=endpoint.key, base_url=endpoint.base_url, max_retries=0)
    created = await client.realtime.client_secrets.create(session={"type": "realtime", "model": endpoint.agent})
    return created.value


async def _in_page(endpoint: Endpoint, script: str, given: dict[str, Any]) -> Any:
    bundle = Path(os.environ["AGENTS_JS"]) / BUNDLE
    with tempfile.TemporaryDirectory() as folder:
        silence = Path(folder) / "silence.wav"
        with wave.open(str(silence), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(SAMPLE_RATE_HZ)
            sound.writeframes(bytes(SAMPLE_RATE_HZ * 2 * SILENCE_S))
        flags = [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={silence}",
            "--autoplay-policy=no-user-gesture-required",
            "--no-sandbox",
        ]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=_path(CHROMIUM), args=flags)
            # Our own pages allow no foreign script; an application's would.
            context = await browser.new_context(permissions=["microphone"], bypass_csp=True)
            page = await context.new_page()
            await page.goto(f"{endpoint.server}/healthz")
            await page.add_script_tag(path=str(bundle))
            told = await page.evaluate(script, given)
            await browser.close()
    return told


if __name__ == "__main__":
    check([
        the_sdk_talks_over_webrtc_and_interrupts,
        the_sdk_talks_over_its_websocket_and_interrupts,
        a_foreign_token_connects_nobody,
    ])
