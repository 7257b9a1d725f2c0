"""A text model behind an OpenAI-compatible endpoint as planner, with a timeout.

The address and the key come from the environment (SMARTMASK_PLANNER_URL, SMARTMASK_PLANNER_KEY) and are never
stored, printed or written to results.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from smartmask.io.json_text import parse_json
from smartmask.plan.planners.answers import BadAnswerError
from smartmask.plan.planners.asking import AskingPlanner, Message
from smartmask.plan.planners.interface import Planner, PlanState
from smartmask.text.encoder import TextEncoder

URL, KEY = "SMARTMASK_PLANNER_URL", "SMARTMASK_PLANNER_KEY"
SECONDS = 30.0
MAX_REPLY = 1_000_000  # bytes


class EndpointPlanner(AskingPlanner):
    """Asks ``POST URL/chat/completions``; whatever goes wrong, ``fallback`` answers and ``notes`` says why."""

    name = "endpoint"

    def __init__(
        self, model: str, text: TextEncoder, fallback: Planner, url: str | None = None, seconds: float = SECONDS,
        tell: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        """url: of the API, such as "http://localhost:8000/v1"; None: from the environment, ValueError without one.

        model: its name there. seconds: how long one answer may take.
        """
        super().__init__(text, fallback, tell)
        address = url or os.environ.get(URL, "")
        if not address.startswith(("http://", "https://")):
            raise ValueError(
                f"The planner's address is {address!r}; set {URL} to one such as http://localhost:8000/v1."
            )
        self.url, self.model, self.seconds = address, model, seconds

    def ask(self, messages: Sequence[Message], state: PlanState) -> str:
        """The text of the reply's first choice."""
        asked = {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": self.tokens}
        body = json.dumps(asked).encode()
        headers = {"Content-Type": "application/json"}
        if os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {os.environ[KEY]}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as reply:
                return _content(reply.read(MAX_REPLY))
        except OSError as error:
            raise OSError(f"The planner's endpoint did not answer ({_reason(error)}).") from error


def _content(raw: bytes) -> str:
    try:
        data: Any = parse_json(raw, "The reply")
        content = data["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise BadAnswerError("The endpoint's reply is not in the form of chat completions.") from None
    return content if isinstance(content, str) else ""


def _reason(error: OSError) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    reason = getattr(error, "reason", error)
    return "timeout" if isinstance(reason, TimeoutError) else type(reason).__name__
