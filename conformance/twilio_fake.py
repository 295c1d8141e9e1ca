"""Holds the fake Twilio against Twilio's own Python SDK (twilio 9.13.0).

The SDK's RequestValidator judges the signatures of webhooks and of the stream's upgrade, its TwiML classes write the
documents that the fake must run, and its REST client talks to the fake's REST API. Nothing of ours is on this side.

    pip install twilio==9.13.0
    python conformance/twilio_fake.py [--fake PATH_OF_THE_BUILT_EXAMPLE]
"""

import argparse
import asyncio
import base64
import json
import subprocess
import sys
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Connect, Dial, Gather, VoiceResponse

HUMAN = "+12025550199"
BOUND_S = 30


class Checks:
    """Prints one line for each fact and remembers the failures."""

    def __init__(self):
        self.passed = self.failed = 0

    def fact(self, name, is_true, detail=""):
        self.passed += bool(is_true)
        self.failed += not is_true
        print(f"{'ok    ' if is_true else 'FAILED'} {name} {'' if is_true else detail}")


class LoopbackClient(TwilioHttpClient):
    """The SDK's HTTP client with the host replaced."""

    def __init__(self, base_url):
        super().__init__(timeout=10)
        self.base_url = base_url

    def request(self, method, url, *arguments, **options):
        return super().request(method, self.base_url + urlsplit(url).path, *arguments, **options)


class Application:
    """A voice application written with the official SDK."""

    def __init__(self, checks, fake, client):
        self.checks = checks
        self.validator = RequestValidator(fake["auth_token"])
        self.client = client
        self.base = None
        self.heard_bytes = 0
        self.waited_s = 0.0
        self.keys = []
        self.statuses = []
        self.recordings = []
        self.verdict = asyncio.get_running_loop().create_future()

    def routes(self):
        return [
            web.post("/voice", self.voice),
            web.post("/keys", self.keys_pressed),
            web.post("/dial-ended", self.dial_ended),
            web.post("/status", self.status),
            web.get("/stream", self.stream),
            web.post("/pause", self.pause),
            web.post("/amd", self.amd),
            web.post("/recording", self.recording),
        ]

    async def pause(self, request):
        await self.signed_form(request, "outgoing call")
        document = VoiceResponse()
        document.pause(length=30)
        return xml(document)

    async def amd(self, request):
        form = await self.signed_form(request, "amd")
        if not self.verdict.done():
            self.verdict.set_result(form)
        return web.Response()

    async def recording(self, request):
        form = await self.signed_form(request, "recording")
        self.recordings.append((form["RecordingStatus"], form["RecordingChannels"], form["RecordingSource"], form["RecordingSid"]))
        return web.Response()

    async def signed_form(self, request, name):
        form = await request.post()
        signature = request.headers.get("X-Twilio-Signature", "")
        url = f"http://{self.base}{request.raw_path}"
        self.checks.fact(f"{name}: the official validator accepts the signature", self.validator.validate(url, form, signature), dict(form))
        forged = self.validator.validate(url + "/", form, signature)
        self.checks.fact(f"{name}: it does not accept it for another URL", not forged)
        return form

    async def voice(self, request):
        form = await self.signed_form(request, "voice")
        self.checks.fact("voice: repeated parameters arrive", form.getall("Zed") == ["1", "1", "0"])
        document = VoiceResponse()
        gather = Gather(num_digits=1, timeout=2, action="/keys", input="dtmf", finish_on_key="")
        gather.say("Press 5 & go on.", voice="Polly.Joanna", language="en-US")
        document.append(gather)
        document.hangup()
        return xml(document)

    async def keys_pressed(self, request):
        form = await self.signed_form(request, "keys")
        self.keys.append(form["Digits"])
        document = VoiceResponse()
        connect = Connect()
        stream = connect.stream(url=f"ws://{self.base}/stream", name="main")
        stream.parameter(name="t", value="a<b>&\"c'")
        document.append(connect)
        document.say("Nobody is there.")
        return xml(document)

    async def dial_ended(self, request):
        form = await self.signed_form(request, "dial ended")
        self.checks.fact("dial ended: a human was reached", (form["DialCallStatus"], form["DialBridged"]) == ("completed", "true"))
        return xml(VoiceResponse())

    async def status(self, request):
        form = await self.signed_form(request, "status")
        self.statuses.append((form["CallStatus"], form["SequenceNumber"], form["CallbackSource"]))
        return web.Response()

    async def stream(self, request):
        signature = request.headers.get("x-twilio-signature", "")
        accepted = self.validator.validate(f"ws://{self.base}/stream", {}, signature)
        self.checks.fact("upgrade: the official validator accepts the signature", accepted)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        start = await self.start(socket)
        stream_sid, call_sid = start["streamSid"], start["start"]["callSid"]
        tone = base64.b64encode(bytes([0x20, 0xA0] * 4000)).decode()
        for message in ({"event": "media", "media": {"payload": tone}}, {"event": "mark", "mark": {"name": "played"}}):
            await socket.send_json({**message, "streamSid": stream_sid})
        await self.wait_for_mark(socket)
        self.checks.fact("stream: a second of sound is played in a second", 0.8 < self.waited_s < 3, self.waited_s)
        self.checks.fact("stream: the caller's sound comes at its own pace", 5_000 < self.heard_bytes < 24_000, self.heard_bytes)
        await asyncio.to_thread(self.transfer, call_sid)
        events = [json.loads(message.data)["event"] async for message in socket if message.type == WSMsgType.TEXT]
        self.checks.fact("stream: stop comes last when REST takes the call", events[-1:] == ["stop"], events[-3:])
        return socket

    async def start(self, socket):
        connected, start = await socket.receive_json(), await socket.receive_json()
        self.checks.fact("stream: connected, then start", (connected["event"], start["event"]) == ("connected", "start"))
        self.checks.fact("stream: counters are strings", start["sequenceNumber"] == "1")
        self.checks.fact("stream: parameters survive escaping", start["start"]["customParameters"] == {"t": "a<b>&\"c'"})
        return start

    async def wait_for_mark(self, socket):
        began = asyncio.get_running_loop().time()
        while True:
            message = await asyncio.wait_for(socket.receive_json(), BOUND_S)
            if message["event"] == "mark":
                break
            if message["event"] == "media":
                self.heard_bytes += len(base64.b64decode(message["media"]["payload"]))
        self.waited_s = asyncio.get_running_loop().time() - began

    def transfer(self, call_sid):
        call = self.client.calls(call_sid).fetch()
        self.checks.fact("rest: the call is in progress", (call.status, call.direction) == ("in-progress", "inbound"))
        check_recordings(self.checks, self.client, call_sid, f"http://{self.base}/recording")
        document = VoiceResponse()
        dial = Dial(action=f"http://{self.base}/dial-ended", timeout=10, answer_on_bridge=True, caller_id="+12025550104")
        dial.number(HUMAN, status_callback_event="answered completed")
        document.append(dial)
        updated = self.client.calls(call_sid).update(twiml=str(document))
        self.checks.fact("rest: the update answers with the call", updated.sid == call_sid)


def xml(document):
    return web.Response(text=str(document), content_type="text/xml")


def refused_with(call):
    try:
        call()
    except TwilioRestException as error:
        return error.status, error.code
    return None


def check_creation(checks, client):
    """What Twilio refuses to dial, by its own codes, through its own SDK."""
    right = {"to": "+12025550142", "from_": "+12025550104", "twiml": "<Response/>"}
    wrong = [
        ("no number to call", {"to": "911"}, 21211),
        ("a number that is none", {"to": "+1"}, 21211),
        ("a caller id that is none", {"from_": "spa"}, 21212),
        ("a caller id of somebody else", {"from_": "+12025550188"}, 21210),
        ("a country that is not permitted", {"to": "+88213300655"}, 21215),
        ("a document address that is none", {"twiml": None, "url": "voice"}, 21205),
        ("an event that does not exist", {"status_callback_event": ["hung-up"]}, 21626),
        ("ringing for longer than it may", {"timeout": 601}, 20001),
        ("a detection that does not exist", {"machine_detection": "Guess"}, 20001),
        ("a threshold out of its range", {"machine_detection": "Enable", "machine_detection_speech_threshold": 900}, 20001),
    ]
    for name, changed, code in wrong:
        parameters = {key: value for key, value in {**right, **changed}.items() if value is not None}
        checks.fact(f"create: {name} is refused with {code}", refused_with(lambda: client.calls.create(**parameters)) == (400, code))


async def check_detection(checks, client, application):
    """Who picked up is reported beside the call, signed, after the document was asked for."""
    callback = f"http://{application.base}"
    created = await asyncio.to_thread(lambda: client.calls.create(
        to="+12025550143", from_="+12025550104", url=f"{callback}/pause", status_callback=f"{callback}/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        machine_detection="DetectMessageEnd", async_amd="true", async_amd_status_callback=f"{callback}/amd?c=1",
    ))
    form = await asyncio.wait_for(application.verdict, BOUND_S)
    checks.fact("amd: a voicemail is detected at the end of its greeting", form["AnsweredBy"] == "machine_end_beep", dict(form))
    checks.fact("amd: it names its call and account", (form["CallSid"], form["AccountSid"]) == (created.sid, client.username))
    fetched = await asyncio.to_thread(lambda: client.calls(created.sid).fetch())
    checks.fact("amd: the call resource says so too", fetched.answered_by == "machine_end_beep", fetched.answered_by)
    await asyncio.to_thread(lambda: client.calls(created.sid).update(status="completed"))


def check_recordings(checks, client, call_sid, callback):
    """A call in progress is recorded, paused, stopped, and its recording deleted."""
    recordings = client.calls(call_sid).recordings
    checks.fact("recording: channels that do not exist are refused", refused_with(lambda: recordings.create(recording_channels="three")) == (400, 20001))
    checks.fact("recording: an event that does not exist is refused", refused_with(lambda: recordings.create(recording_status_callback_event=["over"])) == (400, 20001))
    started = recordings.create(
        recording_channels="dual", recording_track="both", trim="do-not-trim", recording_status_callback=callback,
        recording_status_callback_event=["in-progress", "completed", "absent"],
    )
    checks.fact("recording: it begins", (started.status, started.channels, started.call_sid) == ("in-progress", 2, call_sid), started.status)
    recording = recordings(started.sid)
    checks.fact("recording: it is paused", recording.update(status="paused", pause_behavior="silence").status == "paused")
    current = recordings("Twilio.CURRENT").update(status="in-progress")
    checks.fact("recording: the current one goes on", (current.sid, current.status) == (started.sid, "in-progress"))
    checks.fact("recording: a state that does not exist is refused", refused_with(lambda: recording.update(status="rewound")) == (400, 20001))
    checks.fact("recording: it is stopped", recording.update(status="stopped").status == "completed")
    checks.fact("recording: what is over is not paused", refused_with(lambda: recording.update(status="paused")) == (404, 20404))
    checks.fact("recording: it is deleted", client.recordings(started.sid).delete())
    checks.fact("recording: and only once", refused_with(lambda: client.recordings(started.sid).delete()) == (404, 20404))


def check_rest(checks, client, fake, call_sid):
    checks.fact("recording: an ended call is not recorded", refused_with(lambda: client.calls(call_sid).recordings.create()) == (400, 21220))
    checks.fact("rest: an ended call is not redirected", refused_with(lambda: client.calls(call_sid).update(twiml="<Response/>")) == (400, 21220))
    checks.fact("rest: an ended call is not ended again", refused_with(lambda: client.calls(call_sid).update(status="completed")) == (400, 21220))
    checks.fact("rest: a foreign call is unknown", refused_with(lambda: client.calls("CA" + "0" * 32).fetch()) == (404, 20404))
    checks.fact("rest: its status is completed", client.calls(call_sid).fetch().status == "completed")
    numbers = client.incoming_phone_numbers.list()
    checks.fact("rest: numbers are listed", [(n.phone_number, n.voice_url) for n in numbers] == [("+12025550104", "https://voice.example/twilio/voice")])
    check_numbers(checks, client)
    created = client.calls.create(
        to="+12025550142", from_="+12025550104", twiml="<Response><Say>Hello.</Say></Response>",
        machine_detection="Enable", async_amd="true", time_limit=60,
        status_callback_event=["initiated", "completed"],
    )
    checks.fact("rest: a call is created", created.status in ("queued", "initiated", "ringing") and created.direction == "outbound-api", created.status)
    ended = client.calls(created.sid).update(status="completed")
    checks.fact("rest: a created call is ended", ended.sid == created.sid)
    stranger = Client(fake["account_sid"], "wrong", http_client=LoopbackClient(fake["base_url"]))
    checks.fact("rest: a wrong token is refused", refused_with(lambda: stranger.calls(call_sid).fetch()) == (401, 20003))


def check_numbers(checks, client):
    checks.fact("rest: numbers are found by a part of them", len(client.incoming_phone_numbers.list(phone_number="5550104")) == 1)
    checks.fact("rest: other numbers are not found", client.incoming_phone_numbers.list(phone_number="+12025559999") == [])
    number = client.incoming_phone_numbers.list()[0]
    updated = client.incoming_phone_numbers(number.sid).update(
        voice_url="https://calls.example/twilio/voice", voice_method="POST", status_callback="https://calls.example/twilio/status", status_callback_method="POST",
    )
    checks.fact("rest: a number's URLs are changed", (updated.voice_url, updated.status_callback) == ("https://calls.example/twilio/voice", "https://calls.example/twilio/status"))
    again = client.incoming_phone_numbers.list()[0]
    checks.fact("rest: the change stays and the rest too", (again.voice_url, again.voice_fallback_url) == ("https://calls.example/twilio/voice", "https://static.example/human.xml"))
    number = client.incoming_phone_numbers(number.sid)
    checks.fact("rest: a URL that is none is refused", refused_with(lambda: number.update(voice_url="calls.example")) == (400, 21402))
    checks.fact("rest: a method that is none is refused", refused_with(lambda: number.update(voice_method="FETCH")) == (400, 21403))
    checks.fact("rest: a fallback without a voice URL is refused", refused_with(lambda: number.update(voice_url="")) == (400, 21405))
    unknown = client.incoming_phone_numbers("PN" + "f" * 32)
    checks.fact("rest: an unknown number is not found", refused_with(lambda: unknown.update(voice_url="https://calls.example/")) == (404, 20404))


async def read_line(process):
    line = await asyncio.wait_for(process.stdout.readline(), BOUND_S * 20)
    return json.loads(line)


async def run(command):
    checks = Checks()
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    fake = await read_line(process)
    client = Client(fake["account_sid"], fake["auth_token"], http_client=LoopbackClient(fake["base_url"]))
    application = Application(checks, fake, client)
    web_app = web.Application()
    web_app.add_routes(application.routes())
    runner = web.AppRunner(web_app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    application.base = "127.0.0.1:%d" % runner.addresses[0][1]
    request = {"do": "call", "voice_url": f"http://{application.base}/voice?tenant=a%20b&x='1'", "status_callback": f"http://{application.base}/status"}
    process.stdin.write((json.dumps(request) + "\n").encode())
    call = await read_line(process)
    checks.fact("the key reached the application", application.keys == ["5"], application.keys)
    told = sorted(entry[:3] for entry in application.recordings)
    expected = [(status, "2", "StartCallRecordingAPI") for status in ("completed", "in-progress")]
    checks.fact("recording: beginning and end were told", told == expected, application.recordings)
    checks.fact("the end was reported once", application.statuses == [("completed", "0", "call-progress-events")], application.statuses)
    checks.fact("the call ended well", call["status"] == "completed" and not any("Warning" in event for event in call["events"]), call)
    await asyncio.to_thread(check_rest, checks, client, fake, call["sid"])
    await asyncio.to_thread(check_creation, checks, client)
    await check_detection(checks, client, application)
    process.stdin.close()
    checks.fact("the fake ends with its input", await asyncio.wait_for(process.wait(), BOUND_S) == 0)
    await runner.cleanup()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return checks.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fake", help="the built example fake_twilio; without it cargo builds and runs it")
    arguments = parser.parse_args()
    cargo = ["cargo", "run", "-q", "-p", "switchboard-sim", "--example", "fake_twilio"]
    sys.exit(1 if asyncio.run(run([arguments.fake] if arguments.fake else cargo)) else 0)


if __name__ == "__main__":
    main()
