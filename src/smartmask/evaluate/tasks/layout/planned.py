"""Planners judged on NSR-1K's prompts as they plan: one object and its place after another, each seeing the former.

Each is given the prompt's words alone, without a list of what they ask for: what it makes of them is its own. The rules
and the places of the ``arranged`` system read the words by a grammar instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from smartmask.data.plans import STOP, PlanScene
from smartmask.evaluate.tasks.layout.prompts import HEIGHT, WIDTH, Drawn, Prompt
from smartmask.evaluate.tasks.plan.figures import Frequency
from smartmask.geometry import box_mask
from smartmask.plan.language.phrases import Request
from smartmask.plan.planners.asking import AskingPlanner
from smartmask.plan.planners.interface import NextObject, Planner, PlanState, idea_key
from smartmask.scene import Scene

MOST = 12  # objects of a layout; NSR-1K's prompts ask for at most ten
MIDDLE = (0.25, 0.25, 0.75, 0.75)  # the place of an object for which none is named


class FrequencyPlanner:
    """The floor: names as often as training scenes have them, at their names' mean places; it reads no text."""

    name = "frequency"

    def __init__(self, scenes: Sequence[PlanScene], style: str = "things") -> None:
        own = [scene for scene in scenes if scene.style == style]
        self.shares = Frequency(own).predict(own[0], 0)
        self.names = sorted({name for scene in own for name in scene.names})
        boxes: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        for scene in own:
            for name, box in zip(scene.names, scene.boxes, strict=True):
                boxes[name].append(box)
        self.places = {name: np.mean(rows, axis=0) for name, rows in boxes.items()}
        self.rng = np.random.default_rng(0)

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """One name drawn by its share, at its mean place; none where the end is drawn."""
        from smartmask.data.plans import NAMES

        index = int(self.rng.choice(len(self.shares), p=self.shares))
        if index == STOP or NAMES[index] not in self.places:
            return []
        x0, y0, x1, y1 = (float(edge) for edge in self.places[NAMES[index]])
        return [NextObject(NAMES[index], 1.0, "So often it occurs.", (x0, y0, x1, y1))]


class Stepwise:
    """A planner as a system to be judged. unanswered: prompts for which a model had no answer at all."""

    def __init__(self, planner: Planner) -> None:
        self.planner, self.unanswered = planner, 0
        if isinstance(planner, AskingPlanner):
            planner.tell = _silent
            planner.ideas = MOST

    def __call__(self, prompt: Prompt, seed: int) -> list[Drawn]:
        """One layout: names with their places in pixels of the measured canvas; an empty one where it has none."""
        planner = self.planner
        if isinstance(planner, FrequencyPlanner):
            planner.rng = np.random.default_rng(seed)
        if isinstance(planner, AskingPlanner):  # each prompt anew
            planner.missed, planner.notes = 0, []
        scene, drawn, placed = Scene.empty(HEIGHT, WIDTH), Drawn(), list[str]()
        while len(drawn) < MOST:
            proposals = planner.propose(PlanState(scene, Request(prompt.text, ()), tuple(placed)), 1)
            if not proposals:
                break
            name, (x0, y0, x1, y1) = proposals[0].name, proposals[0].region or MIDDLE
            box = x0 * WIDTH, y0 * HEIGHT, x1 * WIDTH, y1 * HEIGHT
            placed.append(idea_key(name, placed))
            drawn.append((name, box))
            mask = box_mask(box, HEIGHT, WIDTH)
            scene = scene.insert(mask, name) if mask.any() else scene
        self.unanswered += isinstance(planner, AskingPlanner) and not drawn and bool(planner.notes)
        return [drawn]


_silent: Callable[[str], None] = lambda note: None  # noqa: E731  what a model fails at is counted, not told
