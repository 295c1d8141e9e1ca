"""Holds the fake model server against OpenAI's own clients: what they accept from the vendor they must accept from it.

The facts written for our own endpoint (`openai_sdk.py`, `openai_agents.py`, and the LiveKit and Pipecat ones where
those are installed) are checked against the fake as well, and some more that only a provider has: tool turns, text
turns, failures, truncation.

    pip install openai==3.52.0 openai-agents==0.24.0
    cargo build -p switchboard-sim --example fake_realtime
    python conformance/realtime_fake.py [--fake PATH_OF_THE_BUILT_EXAMPLE]
"""

import argparse
import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.openai_realtime import DEFAULT_REALTIME_MODEL

from event_order import require_response_order
from facts import Endpoint, require
from facts import _holds as holds
from openai_sdk import Conversation, conversation

HERE = Path(__file__).parent
KEY, MODEL = "sk-fake", "reception"
SCRIPT_S_MAX = 240
SCRIPTS = [
    ("openai_sdk", "openai", MODEL),
    # This SDK names its own model in every session.update, and a provider refuses any but the connection's.
    ("openai_agents", "agents", DEFAULT_REALTIME_MODEL),
    ("livekit_plugin", "livekit", MODEL),
    ("pipecat_plugin", "pipecat", MODEL),
]
# The order of section 6.3 of the protocol page, deltas collapsed.
TEXT_TURN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]


async def a_text_turn_has_the_vendors_order(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _ask(talk, "Which day is free for a facial?", {"output_modalities": ["text"]})
        limits = await talk.until("rate_limits.updated")
        created = next(event for event in talk.events if event["type"] == "response.created")
        names = [event["type"] for event in talk.since(created)[: talk.since(created).index(limits) + 1]]
        order = [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]
        require(order == TEXT_TURN, f"the text turn came as {order}")


async def a_tool_turn_goes_on_after_the_result(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _ask(talk, "What is the weather?")
        done = await talk.until("response.done")
        call = done["response"]["output"][0]
        require((call["type"], call["name"]) == ("function_call", "get_weather"), f"the output is {call}")
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"sky":"clear"}'}
        await talk.send({"type": "conversation.item.create", "item": result})
        await talk.send({"type": "response.create"})
        done = await talk.until("response.done")
        require_response_order(talk.events, done["response"]["id"])


async def a_failure_is_told_by_the_response_alone(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _ask(talk, "Please break.")
        response = (await talk.until("response.done"))["response"]
        require(response["status"] == "failed", f"the response is {response['status']}")
        require(response["status_details"]["error"]["code"] == "rate_limit_exceeded", f"{response['status_details']}")
        require(all(event["type"] != "error" for event in talk.events), "an error event came too")


async def a_reply_is_truncated_within_its_audio_only(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _ask(talk, "A facial, please.")
        item = (await talk.until("response.done"))["response"]["output"][0]["id"]
        cut = {"type": "conversation.item.truncate", "item_id": item, "content_index": 0}
        await talk.send({**cut, "audio_end_ms": 3_600_000})
        await talk.until("error")
        await talk.send({**cut, "audio_end_ms": 700})
        truncated = await talk.until("conversation.item.truncated")
        require(truncated["audio_end_ms"] == 700, f"cut at {truncated['audio_end_ms']} ms")


async def an_item_reference_is_accepted_in_a_response(endpoint: Endpoint) -> None:
    async with conversation(endpoint) as talk:
        await _say(talk, "Remember this.")
        item = next(event for event in talk.events if event["type"] == "conversation.item.added")["item"]["id"]
        config = {
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [{"type": "item_reference", "id": item}],
        }
        await talk.send({"type": "response.create", "response": config})
        response = (await talk.until("response.done"))["response"]
        require(response.get("conversation_id") is None, "the response entered the conversation")


async def the_agents_sdk_runs_a_tool_and_hears_the_answer(endpoint: Endpoint) -> None:
    asked: list[str] = []

    @function_tool
    def get_weather(city: str) -> str:
        """Tells the weather."""
        asked.append(city)
        return "sunny"

    agent = RealtimeAgent(name="reception", instructions="Help.", tools=[get_weather])
    url = f"{endpoint.realtime_url}?model={DEFAULT_REALTIME_MODEL}"
    session = await RealtimeRunner(agent).run(model_config={"api_key": endpoint.key, "url": url})
    events: list[Any] = []
    async with session, asyncio.timeout(20):
        await session.send_message("What is the weather?")
        async for event in session:
            events.append(event)
            if event.type == "audio_end":
                break
    names = [event.type for event in events]
    require(asked == ["Kigali"], f"the tool was asked {asked}")
    require("tool_end" in names and "audio" in names, f"the session saw {set(names)}")
    require("error" not in names, f"the SDK complains: {[e.error for e in events if e.type == 'error']}")


async def _ask(talk: Conversation, text: str, config: dict[str, Any] | None = None) -> None:
    await _say(talk, text)
    await talk.send({"type": "response.create", **({"response": config} if config else {})})


async def _say(talk: Conversation, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await talk.send({"type": "conversation.item.create", "item": item})
    await talk.until("conversation.item.done")


FACTS = [
    a_text_turn_has_the_vendors_order,
    a_tool_turn_goes_on_after_the_result,
    a_failure_is_told_by_the_response_alone,
    a_reply_is_truncated_within_its_audio_only,
    an_item_reference_is_accepted_in_a_response,
    the_agents_sdk_runs_a_tool_and_hears_the_answer,
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fake", default="target/debug/examples/fake_realtime", help="the built example")
    arguments = parser.parse_args()
    # The fake ends with its standard input, so it cannot outlive this script.
    with subprocess.Popen([arguments.fake], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as fake:
        base_url = fake.stdout.readline().strip()
        server = base_url.removesuffix("/v1")
        held = [holds(fact, Endpoint(server, KEY, MODEL)) for fact in FACTS]
        for script, package, model in SCRIPTS:
            if importlib.util.find_spec(package) is None:
                print(f"skipped {script}: {package} is not installed")
                continue
            command = [sys.executable, str(HERE / f"{script}.py"), "--server", server, "--key", KEY, "--agent", model]
            held.append(subprocess.run(command, timeout=SCRIPT_S_MAX).returncode == 0)
        fake.stdin.close()
    print("all facts hold" if all(held) else "some facts do not hold")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
