"""Checks a list of facts about a running server and says which hold.

A fact is an async function named as a sentence. It takes the endpoint under test and raises when it does not hold.
Nothing here starts or stops the server.
"""

import argparse
import asyncio
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

# A spoken turn takes about 8 s of real time; a fact holds two or three of them. Past this the server is stuck.
FACT_S_MAX = 60.0


@dataclass(frozen=True)
class Endpoint:
    """Where to talk: the server's HTTP address, an API key of the tenant, and the agent's name."""

    server: str
    key: str
    agent: str

    @property
    def base_url(self) -> str:
        """What the SDKs call the base URL: `http://host:port/v1`."""
        return f"{self.server.rstrip('/')}/v1"

    @property
    def realtime_url(self) -> str:
        """The WebSocket address without a query."""
        return self.base_url.replace("http", "ws", 1) + "/realtime"


Fact = Callable[[Endpoint], Awaitable[None]]


def add_endpoint_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", required=True, help="http://127.0.0.1:PORT of the running server")
    parser.add_argument("--key", required=True, help="API key, as `switchboard key create` prints it")
    parser.add_argument("--agent", default="medspa", help="agent to talk to")


def check(facts: list[Fact]) -> None:
    """Checks all facts, one after the other, prints a line for each and exits with 1 if one does not hold."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    add_endpoint_arguments(parser)
    parser.add_argument("--only", help="check only facts whose name contains this")
    arguments = parser.parse_args()
    endpoint = Endpoint(arguments.server, arguments.key, arguments.agent)
    chosen = [fact for fact in facts if not arguments.only or arguments.only in fact.__name__]
    held = [_holds(fact, endpoint) for fact in chosen]
    sys.stdout.flush()
    sys.stderr.flush()
    # LiveKit and Pipecat leave threads behind that keep the interpreter alive.
    os._exit(0 if all(held) and held else 1)


def _holds(fact: Fact, endpoint: Endpoint) -> bool:
    started = time.monotonic()
    try:
        asyncio.run(asyncio.wait_for(fact(endpoint), FACT_S_MAX))
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        print(f"FAILED {fact.__name__}: {reason.splitlines()[0]}", flush=True)
        traceback.print_exc()
        return False
    print(f"ok {fact.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def require(condition: object, complaint: str) -> None:
    """An assertion that survives `python -O` and says what was expected."""
    if not condition:
        raise AssertionError(complaint)
