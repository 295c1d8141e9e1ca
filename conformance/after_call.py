"""Drives the server's mail, webhooks and recordings into software nobody here wrote.

    python conformance/after_call.py --switchboard target/debug/switchboard

A simulated telephone call is held; then `aiosmtpd`, behind STARTTLS and a password, must have taken one mail that
Python's own parser reads, and the reference library of Standard Webhooks must believe the signature of `call.ended`.
Then the same mail is not sent again by a restarted server, and a replayed webhook has the id of the first. The call's
recording lies in a bucket of `moto`, which checks signatures: read in ranges, erased, and not given to a wrong key.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from standardwebhooks import Webhook, WebhookVerificationError

from bucket import Bucket
from facts import require

TENANT = "trades"
DESK = "desk@example.org"
USER, PASSWORD = "voice", "a password with ünïcode"
# A call with the offline model takes some 30 s; a first retry of a mail comes after a minute.
CALL_S_MAX = 180
ARRIVAL_S_MAX = 120


class Mailbox:
    """Keeps what aiosmtpd accepted."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope)
        return "250 taken"


class Receiver(ThreadingHTTPServer):
    """Keeps every webhook as it came."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Hook)
        self.hooks = []


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.hooks.append((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--switchboard", required=True, type=Path, help="the binary")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check(arguments.switchboard.resolve(), Path(folder))
    return 0


def check(binary: Path, folder: Path) -> None:
    certificate, key = make_certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    mailbox = Mailbox()
    smtp = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=tls,
        require_starttls=True,
        auth_required=True,
        authenticator=sign_in,
    )
    smtp.start()
    bucket = Bucket()
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    environment = {
        **os.environ,
        "SWITCHBOARD_HTTP__LISTEN": f"127.0.0.1:{free_port()}",
        "SWITCHBOARD_DATABASE__URL": f"sqlite://{folder}/switchboard.db",
        "SWITCHBOARD_DATABASE__SEALING_KEY_FILE": f"{folder}/sealing.key",
        "SWITCHBOARD_RECORDINGS__FOLDER": f"{folder}/recordings",
        "SWITCHBOARD_MAIL__HOST": "localhost",
        "SWITCHBOARD_MAIL__PORT": str(smtp.port),
        "SWITCHBOARD_MAIL__CA_FILE": str(certificate),
        "SWITCHBOARD_MAIL__USER": USER,
        "SWITCHBOARD_MAIL__PASSWORD": PASSWORD,
        "SWITCHBOARD_MAIL__FROM": "Front desk <voice@example.com>",
        "SWITCHBOARD_OUTBOUND__ALLOW_NETWORKS": '["127.0.0.1"]',
        **bucket.settings(),
    }
    environment.pop("OPENAI_API_KEY", None)
    switchboard = Switchboard(binary, environment, folder)
    switchboard.serve("--demo")
    switchboard.run("mail", "set", "--tenant", TENANT, DESK)
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    switchboard.run("switch", "set", "recording", "on", "--tenant", TENANT)
    secret = switchboard.run("webhook", "add", "--tenant", TENANT, url)["secret"]
    switchboard.stop()
    switchboard.call("My boiler leaks", "Goodbye")
    # What the call's own server did not get done, the next one does.
    switchboard.serve()
    wait_for(lambda: mailbox.mails, "a mail")
    wait_for(lambda: receiver.hooks, "a webhook")
    one_mail_that_a_foreign_parser_reads(mailbox)
    a_webhook_that_the_reference_library_believes(receiver, secret)
    a_replayed_webhook_has_the_id_of_the_first(switchboard, receiver, secret)
    switchboard.stop()
    switchboard.serve()
    wait_for(lambda: jobs_are_done(switchboard), "an end of all jobs")
    require(len(mailbox.mails) == 1, "the restarted server sent the mail again")
    print("ok a_restarted_server_sends_no_mail_twice")
    a_recording_lies_in_the_bucket_and_is_read_in_ranges(switchboard, bucket)
    a_wrong_key_reads_nothing(switchboard, bucket)
    an_erased_recording_is_gone_from_the_bucket(switchboard, bucket)
    switchboard.stop()
    smtp.stop()
    bucket.stop()


def one_mail_that_a_foreign_parser_reads(mailbox: Mailbox) -> None:
    require(len(mailbox.mails) == 1, f"{len(mailbox.mails)} mails")
    envelope = mailbox.mails[0]
    require(envelope.mail_from == "voice@example.com" and envelope.rcpt_tos == [DESK], "wrong envelope")
    mail = message_from_bytes(envelope.content, policy=policy.default)
    require(not mail.defects, f"defects: {mail.defects}")
    require(mail["Auto-Submitted"] == "auto-generated" and mail["Message-ID"], "headers are missing")
    kinds = [part.get_content_type() for part in mail.walk()]
    require(kinds == ["multipart/alternative", "text/plain", "text/html"], f"parts: {kinds}")
    text = mail.get_body(("plain",)).get_content()
    require("Agent (en): " in text, f"no words of the agent: {text}")
    print("ok one_mail_that_a_foreign_parser_reads")


def a_webhook_that_the_reference_library_believes(receiver: Receiver, secret: str) -> None:
    headers, body = ended(receiver)[0]
    told = Webhook(secret).verify(body, lower(headers))
    require(told["type"] == "call.ended" and told["data"]["call_id"], f"says {told}")
    for foreign in (body.replace(b"call.ended", b"call.begun"), body + b" "):
        try:
            Webhook(secret).verify(foreign, lower(headers))
        except WebhookVerificationError:
            continue
        raise AssertionError("a changed body was believed")
    print("ok a_webhook_that_the_reference_library_believes")


def a_replayed_webhook_has_the_id_of_the_first(switchboard, receiver: Receiver, secret: str) -> None:
    log = switchboard.run("webhook", "log", "--tenant", TENANT)
    delivery = next(row["delivery_id"] for row in log if row["event"] == "call.ended")
    before = len(ended(receiver))
    switchboard.run("webhook", "replay", "--tenant", TENANT, delivery)
    wait_for(lambda: len(ended(receiver)) > before, "the replay")
    (first, _), (again, body) = ended(receiver)[0], ended(receiver)[-1]
    require(lower(first)["webhook-id"] == lower(again)["webhook-id"], "another id")
    Webhook(secret).verify(body, lower(again))
    print("ok a_replayed_webhook_has_the_id_of_the_first")


def a_recording_lies_in_the_bucket_and_is_read_in_ranges(switchboard, bucket: Bucket) -> None:
    stored = recordings(switchboard)
    require(len(stored) == 1 and stored[0]["status"] == "stored", f"recordings: {stored}")
    recording = stored[0]
    require(bucket.keys() == [recording["object_key"]], f"in the bucket: {bucket.keys()}")
    audio = bucket.read(recording["object_key"])
    require(audio.startswith(b"OggS") and len(audio) == recording["bytes"], "another object")
    require(hashlib.sha256(audio).hexdigest() == recording["checksum"], "another checksum")
    status, whole = switchboard.recording(recording["call_id"])
    require((status, whole) == (200, audio), f"played {len(whole)} bytes with {status}")
    status, part = switchboard.recording(recording["call_id"], "bytes=10-99")
    require((status, part) == (206, audio[10:100]), f"a range of {len(part)} bytes with {status}")
    print("ok a_recording_lies_in_the_bucket_and_is_read_in_ranges")


def a_wrong_key_reads_nothing(switchboard, bucket: Bucket) -> None:
    require(bucket.refuses(bucket.key_id, "another secret"), "the service takes any secret")
    name = "SWITCHBOARD_RECORDINGS__S3_SECRET_ACCESS_KEY"
    switchboard.stop()
    right, switchboard.environment[name] = switchboard.environment[name], "another secret"
    switchboard.serve()
    status, body = switchboard.recording(recordings(switchboard)[0]["call_id"])
    require(status == 503 and b"OggS" not in body, f"a wrong key was answered with {status}")
    switchboard.stop()
    switchboard.environment[name] = right
    switchboard.serve()
    print("ok a_wrong_key_reads_nothing")


def an_erased_recording_is_gone_from_the_bucket(switchboard, bucket: Bucket) -> None:
    call = recordings(switchboard)[0]["call_id"]
    status, _ = switchboard.ask("POST", f"/api/v1/calls/{call}/withdraw-consent")
    require(status == 204, f"the withdrawal was answered with {status}")
    require(bucket.keys() == [], f"left in the bucket: {bucket.keys()}")
    require(recordings(switchboard)[0]["status"] == "erased", "its row does not say so")
    print("ok an_erased_recording_is_gone_from_the_bucket")


def recordings(switchboard) -> list:
    return switchboard.run("list", "recordings", "--tenant", TENANT)


def ended(receiver: Receiver) -> list:
    return [hook for hook in receiver.hooks if json.loads(hook[1])["type"] == "call.ended"]


def lower(headers: dict) -> dict:
    return {name.lower(): value for name, value in headers.items()}


def jobs_are_done(switchboard) -> bool:
    jobs = switchboard.run("list", "jobs", "--tenant", TENANT)
    return all(job["state"] == "done" for job in jobs)


def sign_in(server, session, envelope, mechanism, credentials) -> AuthResult:
    right = credentials.login == USER.encode() and credentials.password == PASSWORD.encode()
    return AuthResult(success=right)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that only those trust who are given it."""
    certificate, key = folder / "smtp.pem", folder / "smtp.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    extensions = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *extensions, *files], check=True, capture_output=True)
    return certificate, key


class Switchboard:
    """The program under test, one command at a time, with one server at most."""

    def __init__(self, binary: Path, environment: dict, folder: Path):
        self.binary, self.environment, self.folder = binary, environment, folder
        self.server = None
        self.key = None

    def run(self, *arguments: str):
        command = [str(self.binary), *arguments, "--json"]
        ended = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True)
        require(ended.returncode == 0, f"{arguments} failed: {ended.stderr}")
        return json.loads(ended.stdout)

    def ask(self, method: str, path: str, headers: dict | None = None) -> tuple[int, bytes]:
        if self.key is None:
            self.key = self.run("key", "create", "--tenant", TENANT, "--name", "conformance")["key"]
        url = f"http://{self.environment['SWITCHBOARD_HTTP__LISTEN']}{path}"
        headers = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def recording(self, call: str, part: str | None = None) -> tuple[int, bytes]:
        headers = {"Range": part} if part else {}
        return self.ask("GET", f"/api/v1/calls/{call}/recording", headers)

    def call(self, *says: str) -> None:
        command = [str(self.binary), "call", "--agent", TENANT, "--over", "twilio"]
        for words in says:
            command += ["--say", words]
        subprocess.run(
            command, env=self.environment, cwd=self.folder, check=True, timeout=CALL_S_MAX, stdout=sys.stderr
        )

    def serve(self, *options: str) -> None:
        log = open(self.folder / "server.log", "a")
        command = [str(self.binary), "serve", *options]
        self.server = subprocess.Popen(command, env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        address = self.environment["SWITCHBOARD_HTTP__LISTEN"]
        wait_for(lambda: is_up(f"http://{address}/healthz"), "a server that answers")

    def stop(self) -> None:
        self.server.send_signal(signal.SIGTERM)
        require(self.server.wait(timeout=90) == 0, "the server did not stop by itself")


def is_up(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def wait_for(is_there, what: str) -> None:
    until = time.monotonic() + ARRIVAL_S_MAX
    while not is_there():
        require(time.monotonic() < until, f"{what} did not come in {ARRIVAL_S_MAX} s")
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
