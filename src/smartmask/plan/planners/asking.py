"""A planner that asks a language model: one question, two more chances after bad answers, then another planner."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypedDict

from smartmask.io.terminal import say
from smartmask.plan.planners.answers import (
    INSTRUCTION,
    BadAnswerError,
    BadPlaceError,
    is_surface,
    question,
    read_answer,
)
from smartmask.plan.planners.interface import IDEA, NextObject, Planner, PlanState
from smartmask.text.encoder import TextEncoder

TRIES = 3  # times that an object is asked for; each bad answer is told to the model
GIVE_UP = 2  # objects in a row without an answer from which the model is not asked any more


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
        self.missed = 0  # objects in a row for which the model had no answer

    @abstractmethod
    def ask(self, messages: Sequence[Message], state: PlanState) -> str:
        """The model's answer. BadAnswerError for one that is no answer, OSError if the model cannot be asked."""

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """The model's next object; empty when it says that nothing is missing and the text agrees."""
        if self.missed >= GIVE_UP:
            return self.fallback.propose(state, count)
        found, trouble = self._asked(state)
        self.missed = self.missed + 1 if found is None and trouble else 0
        if found is not None and self._wanted(found, state):
            if trouble:
                self._note(f"{trouble} The place is left out.")
            return [found]
        missing = state.missing()
        if not missing and (found is not None or not trouble):
            return []
        if not trouble:
            said = "nothing" if found is None else found.name
            trouble = f"The model asks for {said} next, but the text still wants {missing[0].name}."
        self._note(f"{trouble} The {self.fallback.name} planner goes on.")
        return self.fallback.propose(state, count)

    def _asked(self, state: PlanState) -> tuple[NextObject | None, str]:
        """The model's object, None for nothing more; and what was wrong with it, or why there is no answer."""
        messages: list[Message] = [
            {"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question(state)}
        ]  # fmt: skip
        trouble, placeless = "", None
        for _ in range(TRIES):
            answer = ""
            try:
                answer = self.ask(messages, state)
                return read_answer(answer, state, self.text), ""
            except BadAnswerError as error:
                trouble = str(error)
                placeless = error.found if isinstance(error, BadPlaceError) else placeless
                messages += [
                    {"role": "assistant", "content": answer[:2000]},
                    {"role": "user", "content": f"{trouble} Answer with the JSON object alone."},
                ]
            except OSError as error:
                return None, str(error)
        return placeless, trouble

    def _wanted(self, found: NextObject, state: PlanState) -> bool:
        """Whether the text wants an object, or leaves room for it; surfaces are no ideas where they are asked for."""
        if found.key is not None or (state.surfaces and is_surface(found.name)):
            return True
        return sum(key.startswith(IDEA) for key in state.placed) < self.ideas

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
            self.tell(note)
