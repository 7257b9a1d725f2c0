"""A text model behind an OpenAI-compatible endpoint as planner; with a timeout, and another planner to fall back on.

The address and the key come from the environment (SMARTMASK_PLANNER_URL, SMARTMASK_PLANNER_KEY) and are never
stored, printed or written to results.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from smartmask.models.text import TextEncoder
from smartmask.planner.answers import INSTRUCTION, BadAnswerError, question, read_answer
from smartmask.planner.interface import NextObject, Planner, PlanState

URL, KEY = "SMARTMASK_PLANNER_URL", "SMARTMASK_PLANNER_KEY"
SECONDS = 30.0
TRIES = 2  # a bad answer is told to the model once
MAX_REPLY = 1_000_000  # bytes


class EndpointPlanner:
    """Asks ``POST URL/chat/completions``; whatever goes wrong, ``fallback`` answers and ``notes`` says why."""

    name = "endpoint"

    def __init__(
        self, model: str, text: TextEncoder, fallback: Planner, url: str | None = None, seconds: float = SECONDS,
        tell: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        """url: of the API, such as "http://localhost:8000/v1"; None: from the environment, ValueError without one.

        model: its name there. tell: what hears of a fall-back (None: standard error).
        """
        address = url or os.environ.get(URL, "")
        if not address.startswith(("http://", "https://")):
            raise ValueError(
                f"The planner's address is {address!r}; set {URL} to one such as http://localhost:8000/v1."
            )
        self.url, self.model, self.text, self.fallback, self.seconds = address, model, text, fallback, seconds
        self.tell = tell or (lambda note: print(f"smartmask: note: {note}", file=sys.stderr))
        self.notes: list[str] = []

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """The model's next object; empty when it says that nothing is missing and nothing is."""
        messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question(state)}]
        trouble = answer = ""
        for _ in range(TRIES):
            try:
                answer = self._ask(messages)
                found = read_answer(answer, state, self.text)
            except BadAnswerError as error:
                trouble = str(error)
                messages += [
                    {"role": "assistant", "content": answer[:2000]},
                    {"role": "user", "content": f"{trouble} Answer with the JSON object alone."},
                ]
                continue
            except OSError as error:
                trouble = f"The planner's endpoint did not answer ({_reason(error)})."
                break
            if found is not None:
                return [found]
            if not state.missing():
                return []
            trouble = f"The model says that nothing is missing, but the text wants {state.missing()[0].name}."
            break
        note = f"{trouble} The {self.fallback.name} planner goes on."
        self.notes.append(note)
        self.tell(note)
        return self.fallback.propose(state, count)

    def _ask(self, messages: list[dict[str, str]]) -> str:
        body = json.dumps({"model": self.model, "messages": messages, "temperature": 0, "max_tokens": 300}).encode()
        headers = {"Content-Type": "application/json"}
        if os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {os.environ[KEY]}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", body, headers)
        with urllib.request.urlopen(request, timeout=self.seconds) as reply:
            return _content(reply.read(MAX_REPLY))


def _content(raw: bytes) -> str:
    try:
        data: Any = json.loads(raw)
        content = data["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise BadAnswerError("The endpoint's reply is not in the form of chat completions.") from None
    return content if isinstance(content, str) else ""


def _reason(error: OSError) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    reason = getattr(error, "reason", error)
    return "timeout" if isinstance(reason, TimeoutError) else type(reason).__name__
