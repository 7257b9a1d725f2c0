"""A planner that asks a language model: one question, one more chance after a bad answer, then another planner."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypedDict

from smartmask.io.terminal import say
from smartmask.plan.planners.answers import INSTRUCTION, BadAnswerError, question, read_answer
from smartmask.plan.planners.interface import IDEA, NextObject, Planner, PlanState
from smartmask.text.encoder import TextEncoder

TRIES = 2  # a bad answer is told to the model once


class Message(TypedDict):
    """One turn of a conversation; role: system, user or assistant."""

    role: str
    content: str


class AskingPlanner(ABC):
    """What the engines with a language model share; they bring ``ask``.

    fallback: answers in their place when the model fails; ``notes`` and ``tell`` (None: standard error) say why.
    """

    name = "asking"
    step_by_step = True  # wants to see each object before it says the next
    ideas = 0  # how many objects beyond the text it may propose; set it after loading
    tokens = 300  # of an answer, at most

    def __init__(self, text: TextEncoder, fallback: Planner, tell: Callable[[str], None] | None = None) -> None:
        self.text, self.fallback = text, fallback
        self.tell = tell or (lambda note: say(f"smartmask: note: {note}", file=sys.stderr))
        self.notes: list[str] = []

    @abstractmethod
    def ask(self, messages: Sequence[Message], state: PlanState) -> str:
        """The model's answer. BadAnswerError for one that is no answer, OSError if the model cannot be asked."""

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """The model's next object; empty when it says that nothing is missing and the text agrees."""
        messages: list[Message] = [
            {"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question(state)}
        ]  # fmt: skip
        trouble = ""
        for _ in range(TRIES):
            answer = ""
            try:
                answer = self.ask(messages, state)
                found = read_answer(answer, state, self.text)
            except BadAnswerError as error:
                trouble = str(error)
                messages += [
                    {"role": "assistant", "content": answer[:2000]},
                    {"role": "user", "content": f"{trouble} Answer with the JSON object alone."},
                ]
                continue
            except OSError as error:
                trouble = str(error)
                break
            missing, extra = state.missing(), sum(key.startswith(IDEA) for key in state.placed)
            if found is not None and (found.key is not None or extra < self.ideas):
                return [found]
            if not missing:
                return []
            said = "nothing" if found is None else found.name
            trouble = f"The model asks for {said} next, but the text still wants {missing[0].name}."
            break
        note = f"{trouble} The {self.fallback.name} planner goes on."
        self.notes.append(note)
        self.tell(note)
        return self.fallback.propose(state, count)
