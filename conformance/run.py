"""Runs every client script against a running server, prints one line for each, then `N passed, N failed`.

    python conformance/run.py --server http://127.0.0.1:8080 --key KEY --agent medspa

Install the clients first: `pip install -r conformance/requirements.txt`, `npm ci` in `conformance/node`, and Debian's
firefox-esr and chromium. espeak-ng must be on the path. Firefox sends nothing to loopback: the server needs
`webrtc.listen` on a network too.
The dashboard is built (`cargo xtask ui`).
Nothing is created: the server runs, the key exists, the agent answers to its name.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from facts import add_endpoint_arguments

HERE = Path(__file__).parent
SCRIPTS = [
    "openapi",
    "client_secrets",
    "openai_sdk",
    "webrtc_stack",
    "webrtc_werift",
    "webrtc_browser",
    "webrtc_firefox",
    "pages_firefox",
    "agents_js",
    "openai_agents",
    "livekit_plugin",
    "pipecat_plugin",
]
# The longest script takes about 90 s when all goes well; a stuck one must not hold up the others for ever.
SCRIPT_S_MAX = 300
# Enough of a failing client's log to see the event that broke it.
LOG_LINES_SHOWN = 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_endpoint_arguments(parser)
    arguments = parser.parse_args()
    endpoint = ["--server", arguments.server, "--key", arguments.key, "--agent", arguments.agent]
    outcomes = [_run(name, endpoint) for name in SCRIPTS]
    passed = sum(outcome[0] for outcome in outcomes)
    failed = sum(outcome[1] for outcome in outcomes)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _run(name: str, endpoint: list[str]) -> tuple[int, int]:
    """Facts that held and that did not. A script that died counts as one that did not."""
    started = time.monotonic()
    command = [sys.executable, str(HERE / f"{name}.py"), *endpoint]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SCRIPT_S_MAX)
        output, log, status = ended.stdout, ended.stderr, ended.returncode
    except subprocess.TimeoutExpired as stuck:
        output, log, status = _text(stuck.stdout), _text(stuck.stderr), None
    passed = [line for line in output.splitlines() if line.startswith("ok ")]
    failed = [line for line in output.splitlines() if line.startswith("FAILED ")]
    if status != 0 and not failed:
        failed.append(f"FAILED {name} " + ("is stuck" if status is None else f"ended with status {status}"))
    verdict = "ok" if not failed else "FAILED"
    print(
        f"{verdict:6} {name}: {len(passed)} of {len(passed) + len(failed)} facts in {time.monotonic() - started:.0f} s",
        flush=True,
    )
    for line in failed:
        print(f"       {line}")
    if failed:
        print("\n".join(f"       | {line}" for line in log.splitlines()[-LOG_LINES_SHOWN:]), flush=True)
    return len(passed), len(failed)


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


if __name__ == "__main__":
    sys.exit(main())
