"""Firefox calls an agent over WebRTC, hears it, is heard, and presses a key.

Firefox is steered by WebDriver BiDi, which it speaks itself: no driver is installed or downloaded.
"""

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import websockets

from event_order import require_conversation_order
from facts import Endpoint, check, require
from meaning import WISH, require_facial_and_day
from strict_events import validate

# Debian's own: no browser is downloaded.
FIREFOX = "firefox-esr"
# From its start to the line that says where it listens; a cold start on a busy machine takes some seconds.
START_S_MAX = 30
COMMAND_S_MAX = 55
# Events of ours are no part of the vendor's protocol.
OURS = "switchboard."
# Sound and microphone without a person to ask, and addresses instead of names for them. Firefox sends nothing to loopback, so
# the server must listen on a network too.
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.prefs.recommended": True,
}

# Runs in the page, as the code of an application would. Firefox's own fake microphone hums, which no agent understands: the
# wish is typed. Its sound is judged by how it arrived, and by a key that is pressed in it (RFC 4733).
TALK = """async (key, agent, wish) => {
    const connection = new RTCPeerConnection();
    const microphone = await navigator.mediaDevices.getUserMedia({audio: true});
    const sender = connection.addTrack(microphone.getAudioTracks()[0], microphone);
    const loudspeaker = new Audio();
    connection.ontrack = ({streams, track}) => {
        loudspeaker.srcObject = streams[0] ?? new MediaStream([track]);
        loudspeaker.play().catch(() => {});
    };
    const channel = connection.createDataChannel("oai-events");
    const messages = [];
    channel.onmessage = ({data}) => messages.push(data);
    await connection.setLocalDescription(await connection.createOffer());
    const answer = await fetch(`/v1/realtime/calls?model=${agent}&switchboard_events=1`, {
        method: "POST",
        headers: {Authorization: `Bearer ${key}`, "Content-Type": "application/sdp"},
        body: connection.localDescription.sdp,
    });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    await connection.setRemoteDescription({type: "answer", sdp: await answer.text()});
    const has = (type) => messages.some((message) => JSON.parse(message).type === type);
    const until = async (type) => {
        for (let waited = 0; waited < 200 && !has(type); waited += 1) {
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    };
    await until("session.created");
    const content = [{type: "input_text", text: wish}];
    channel.send(JSON.stringify({type: "conversation.item.create", item: {type: "message", role: "user", content}}));
    channel.send(JSON.stringify({type: "response.create"}));
    await until("output_audio_buffer.stopped");
    let reports = [];
    const report = (type) => reports.find((report) => report.type === type) ?? {};
    // The server tells what arrived every few seconds.
    for (let waited = 0; waited < 100 && report("remote-inbound-rtp").packetsLost === undefined; waited += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        reports = [...(await connection.getStats()).values()];
    }
    const [heard, sent, arrived] = ["inbound-rtp", "outbound-rtp", "remote-inbound-rtp"].map(report);
    sender.dtmf.insertDTMF("0");
    await until("switchboard.handoff");
    const state = `${connection.connectionState}, ${connection.iceConnectionState}`;
    connection.close();
    return JSON.stringify({messages, state, heard, sent, arrived});
}"""


async def firefox_hears_the_agent_and_the_agent_hears_firefox_and_its_keys(endpoint: Endpoint) -> None:
    async with firefox() as page:
        # Any page of the server: a microphone needs a secure origin, and loopback is one.
        await page.visit(f"{endpoint.server}/healthz")
        talk = json.loads(await page.run(TALK, endpoint.key, endpoint.agent, WISH))
    events = [json.loads(message) for message in talk["messages"]]
    require(events, f"nothing came over the data channel: {talk['state']}")
    require_conversation_order([validate(json.dumps(event).encode()) for event in events if not event["type"].startswith(OURS)])
    done = [event for event in events if event["type"] == "response.done"]
    require(done, f"no response came: {[event['type'] for event in events]}")
    require_facial_and_day(done[0]["response"]["output"][0]["content"][0]["transcript"])
    heard, sent, arrived = talk["heard"], talk["sent"], talk["arrived"]
    require(heard.get("packetsReceived", 0) > 50 and heard["totalAudioEnergy"] > 0.01, f"heard {heard}")
    require(heard["packetsLost"] == 0, f"lost {heard['packetsLost']} packets on loopback")
    require(sent.get("packetsSent", 0) > 100 and arrived.get("packetsLost") == 0, f"sent {sent}, arrived {arrived}")
    asked = [event["reason"] for event in events if event["type"] == "switchboard.handoff"]
    require(asked == ["dtmf_0"], f"a key was pressed, and a person was asked for {asked}")


class Page:
    """A tab of Firefox, steered over WebDriver BiDi."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._context = ""

    async def open(self) -> None:
        await self._ask("session.new", {"capabilities": {}})
        tree = await self._ask("browsingContext.getTree", {})
        self._context = tree["contexts"][0]["context"]

    async def visit(self, address: str) -> None:
        await self._ask("browsingContext.navigate", {"context": self._context, "url": address, "wait": "complete"})

    async def run(self, function: str, *words: str) -> Any:
        """Calls an async function in the page with strings, and gives what it resolves to."""
        answer = await self._ask(
            "script.callFunction",
            {
                "functionDeclaration": function,
                "arguments": [{"type": "string", "value": word} for word in words],
                "target": {"context": self._context},
                "awaitPromise": True,
                "userActivation": True,
            },
        )
        require(answer["type"] == "success", f"the page failed: {json.dumps(answer)[:600]}")
        return answer["result"].get("value")

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._sent += 1
        await self._socket.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        async with asyncio.timeout(COMMAND_S_MAX):
            while True:
                answer = json.loads(await self._socket.recv())
                if answer.get("id") == self._sent:
                    require(answer["type"] == "success", f"{method}: {answer}")
                    return answer["result"]


@contextlib.asynccontextmanager
async def firefox() -> AsyncIterator[Page]:
    program = shutil.which(FIREFOX)
    require(program, f"{FIREFOX} is missing: apt-get install {FIREFOX}")
    with tempfile.TemporaryDirectory() as profile:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        Path(profile, "user.js").write_text("\n".join(lines))
        command = [program, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", profile]
        browser = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
        reading = None
        try:
            async with asyncio.timeout(START_S_MAX):
                address = await _address(browser.stderr)
            # What it says later must not fill the pipe.
            reading = asyncio.create_task(browser.stderr.read())
            async with websockets.connect(f"{address}/session", max_size=None) as socket:
                page = Page(socket)
                await page.open()
                yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                browser.terminate()
            try:
                await asyncio.wait_for(browser.wait(), START_S_MAX)
            except TimeoutError:
                browser.kill()
            if reading:
                reading.cancel()


async def _address(log: asyncio.StreamReader) -> str:
    while line := await log.readline():
        if found := re.search(rb"WebDriver BiDi listening on (ws://\S+)", line):
            return found[1].decode()
    raise RuntimeError("Firefox ended before it listened")


if __name__ == "__main__":
    check([firefox_hears_the_agent_and_the_agent_hears_firefox_and_its_keys])
