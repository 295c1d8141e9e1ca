"""What the sentences of these conversations mean, without fixing anybody's words."""

import re

from facts import require

WISH = "I would like to book a facial"
DAY = "tomorrow"
YES = "yes please"
INTERRUPTION = "wait a moment please"

# A day was taken when the talk has moved on to hours, people or that very day.
_MOVED_ON = re.compile(r"\b(tomorrow|closed|open|monday|tuesday|wednesday|thursday|friday|saturday|time|times|morning|afternoon|o'clock|[ap]\.?m|with|\d{1,2})\b", re.IGNORECASE)
_ASKS_FOR_DAY = re.compile(r"\b(day|date|when|time)\b", re.IGNORECASE)
_ASKS_BACK = re.compile(r"\bdid you say\b", re.IGNORECASE)


def require_facial_and_day(reply: str) -> None:
    """The reply to `WISH` names the service and asks when."""
    require("facial" in reply.lower(), f"the reply does not mention the facial: {reply!r}")
    require(_ASKS_FOR_DAY.search(reply), f"the reply does not ask for a day: {reply!r}")


def asks_back(reply: str) -> bool:
    """The agent wants to know whether it heard right."""
    return _ASKS_BACK.search(reply) is not None


def require_facial_taken_up(reply: str) -> None:
    """The reply to a spoken `WISH` names the service, and asks when or asks back: one hearing may doubt it on a busy machine."""
    if not asks_back(reply):
        require_facial_and_day(reply)
    require("facial" in reply.lower(), f"the reply does not mention the facial: {reply!r}")


def require_day_taken(first_reply: str, reply: str) -> None:
    """The reply to `DAY` goes on from there instead of asking the same again."""
    require(reply.strip() != first_reply.strip(), f"the day was not taken, again came {reply!r}")
    require(_MOVED_ON.search(reply), f"the talk did not move on after the day: {reply!r}")


def require_understood(transcript: str) -> None:
    """The transcript of `WISH` holds the word that matters."""
    require("facial" in transcript.lower(), f"heard {transcript!r} instead of {WISH!r}")
