"""What the sentences of these conversations mean, without fixing anybody's words."""

import re

from facts import require

WISH = "I would like to book a facial"
OTHER_WISH = "I would like to book a massage"
DAY = "tomorrow"
INTERRUPTION = "wait a moment please"

_ASKS_FOR_DAY = re.compile(r"\b(day|date|when|time)\b", re.IGNORECASE)


def require_facial_and_day(reply: str) -> None:
    """The reply to `WISH` names the service and asks when."""
    require("facial" in reply.lower(), f"the reply does not mention the facial: {reply!r}")
    require(_ASKS_FOR_DAY.search(reply), f"the reply does not ask for a day: {reply!r}")


def require_understood(transcript: str) -> None:
    """The transcript of `WISH` holds the word that matters."""
    require("facial" in transcript.lower(), f"heard {transcript!r} instead of {WISH!r}")
