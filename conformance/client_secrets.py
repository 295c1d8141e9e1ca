"""OpenAI's Python SDK asks our server for a client secret, and a browser's place is taken with it.

    python conformance/client_secrets.py --server http://127.0.0.1:8080 --key KEY --agent medspa
"""

import time

import websockets
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, PermissionDeniedError
from openai.types.realtime import ClientSecretCreateResponse

from facts import Endpoint, check, require
from openai_sdk import conversation
from strict_events import validate

MINUTES_30 = 1800
# The clocks of this script and of the server's answer.
SKEW_S_MAX = 10


def _client(endpoint: Endpoint) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=endpoint.key, base_url=endpoint.base_url, max_retries=0)


async def _secret(endpoint: Endpoint, **more: object) -> ClientSecretCreateResponse:
    session = {"type": "realtime", "model": endpoint.agent}
    return await _client(endpoint).realtime.client_secrets.create(session=session, **more)  # type: ignore[arg-type]


async def a_client_secret_is_what_the_sdk_expects(endpoint: Endpoint) -> None:
    created = await _client(endpoint).realtime.client_secrets.with_raw_response.create(
        session={"type": "realtime", "model": endpoint.agent}
    )
    secret = ClientSecretCreateResponse.model_validate_json(created.content, strict=True)
    require(secret.value.startswith("ek_"), "the token has the vendor's prefix")
    lives = secret.expires_at - time.time()
    require(abs(lives - MINUTES_30) < SKEW_S_MAX, f"the token lives for {lives:.0f} s")
    require(secret.session.type == "realtime", f"the session is {secret.session.type!r}")
    require(secret.session.id.startswith("sess_"), f"the session's id is {secret.session.id!r}")


async def a_client_secret_connects_the_sdk_to_its_agent_once(endpoint: Endpoint) -> None:
    secret = await _secret(endpoint, expires_after={"anchor": "created_at", "seconds": 60})
    holder = Endpoint(endpoint.server, secret.value, endpoint.agent)
    async with conversation(holder) as talk:
        session = talk.events[0]["session"]
        require(session["model"] == endpoint.agent, f"the session names {session['model']!r}")
        require(session["id"] == secret.session.id, "the session is the one the token was made for")
        await talk.send({"type": "response.create"})
        done = await talk.until("response.done")
        require(done["response"]["status"] == "completed", f"the response is {done['response']['status']!r}")
    await _require_refused(holder, f"model={endpoint.agent}", "token_used", 4401)


async def a_browser_connects_with_the_secret_as_a_subprotocol(endpoint: Endpoint) -> None:
    secret = await _secret(endpoint)
    offered = ["realtime", f"openai-insecure-api-key.{secret.value}"]
    async with websockets.connect(f"{endpoint.realtime_url}?model={endpoint.agent}", subprotocols=offered) as socket:
        require(socket.subprotocol == "realtime", f"the server selected {socket.subprotocol!r}")
        created = validate(await socket.recv())
        require(created["type"] == "session.created", f"the first event is {created['type']!r}")


async def what_is_wrong_with_a_request_is_told_in_the_vendors_words(endpoint: Endpoint) -> None:
    for seconds in (9, 7201):
        try:
            await _secret(endpoint, expires_after={"anchor": "created_at", "seconds": seconds})
        except BadRequestError as refused:
            require(refused.param == "expires_after.seconds", f"the error names {refused.param!r}")
        else:
            require(False, f"{seconds} s were taken")
    try:
        await _secret(Endpoint(endpoint.server, endpoint.key, "nobody-of-that-name"))
    except BadRequestError as refused:
        require(refused.code == "invalid_model", f"the code is {refused.code!r}")
    else:
        require(False, "a token for an unknown agent was made")
    try:
        await _secret(Endpoint(endpoint.server, "sk_sb_" + "0" * 64, endpoint.agent))
    except AuthenticationError as refused:
        require(refused.code == "invalid_api_key", f"the code is {refused.code!r}")
    else:
        require(False, "a wrong key was taken")


async def a_secret_makes_no_other(endpoint: Endpoint) -> None:
    secret = await _secret(endpoint)
    try:
        await _secret(Endpoint(endpoint.server, secret.value, endpoint.agent))
    except PermissionDeniedError as refused:
        require(refused.code == "not_allowed", f"the code is {refused.code!r}")
    else:
        require(False, "a token made another")


async def an_altered_secret_is_refused_with_4401(endpoint: Endpoint) -> None:
    secret = await _secret(endpoint)
    last = "1" if secret.value.endswith("0") else "0"
    altered = Endpoint(endpoint.server, secret.value[:-1] + last, endpoint.agent)
    await _require_refused(altered, f"model={endpoint.agent}", "invalid_token", 4401)


async def _require_refused(endpoint: Endpoint, query: str, code: str, close_code: int) -> None:
    sent = {"Authorization": f"Bearer {endpoint.key}"}
    async with websockets.connect(f"{endpoint.realtime_url}?{query}", additional_headers=sent) as socket:
        error = validate(await socket.recv())
        require(error["error"]["code"] == code, f"the error is {error}")
        try:
            await socket.recv()
        except websockets.ConnectionClosed:
            pass
    require(socket.close_code == close_code, f"closed with {socket.close_code}")


if __name__ == "__main__":
    check(
        [
            a_client_secret_is_what_the_sdk_expects,
            a_client_secret_connects_the_sdk_to_its_agent_once,
            a_browser_connects_with_the_secret_as_a_subprotocol,
            what_is_wrong_with_a_request_is_told_in_the_vendors_words,
            a_secret_makes_no_other,
            an_altered_secret_is_refused_with_4401,
        ]
    )
