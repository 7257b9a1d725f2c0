"""A vision-language model as next-object predictor: how likely it holds each known name, by the words it would say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.plans import NAMES, PlanScene
from smartmask.plan.language.phrases import Request
from smartmask.plan.planners.answers import INSTRUCTION, question
from smartmask.plan.planners.asking import Message
from smartmask.plan.planners.interface import PlanState
from smartmask.plan.planners.vision import VisionPlanner
from smartmask.plan.planners.vision_models import log_likelihoods
from smartmask.train.instruct import seen_so_far

END = "none"  # what it says when nothing is missing


class Weighed:
    """The model's likelihood of each answer's beginning, ``{"object": "NAME"``, shared out among the known names.

    So it has the columns of every other planner, a log-likelihood among them, whatever it would say freely. It sees
    what it is trained on (``seen_so_far``). captions: whether the question has the picture's caption, which may name
    what is to come; without it the question says nothing of the picture.
    """

    def __init__(self, planner: VisionPlanner, name: str, pack: Pack, captions: bool) -> None:
        self.planner, self.pack, self.captions = planner, pack, captions
        self.name = name if captions else f"{name}, no caption"
        tokenizer = planner.processor.tokenizer
        said = [f'{{"object": "{answer}"' for answer in (*NAMES, END)]
        self.answers = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in said]
        self._known: dict[tuple[int, int], np.ndarray] = {}

    def predict(self, scene: PlanScene, count: int) -> np.ndarray:
        """``(names + 1,)`` probabilities of the object after the first ``count``, the last for the end."""
        found = self._known.get((scene.record, count))
        if found is None:
            inputs = self.planner.inputs(self._messages(scene, count), self._state(scene, count))
            scores = log_likelihoods(self.planner.model, inputs, self.answers)
            shares = np.exp(scores - scores.max())
            found = self._known[scene.record, count] = shares / shares.sum()
        return found

    def _state(self, scene: PlanScene, count: int) -> PlanState:
        record = self.pack[scene.record]
        layers = record.scene.layers
        whole = replace(record.scene, layers=tuple(layers[index] for index in scene.layers))
        text = scene.captions[0] if self.captions and scene.captions else ""
        return PlanState(seen_so_far(whole, count, record.modal), Request(text, ()), surfaces=True)

    def _messages(self, scene: PlanScene, count: int) -> list[Message]:
        asked = question(self._state(scene, count))
        return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": asked}]


def weighed(name: str, planner: VisionPlanner, pack: Pack) -> list[Weighed]:
    """The rows of one model: without captions, and with them."""
    return [Weighed(planner, name, pack, captions) for captions in (False, True)]
