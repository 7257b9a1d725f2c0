"""The bundled planner: a small network that has seen which objects share a scene, in which order, how many, where.

It speaks for ideas beyond the text alone; the text's own objects are ordered by rules, and placed by ``arrange``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smartmask.geometry import mask_box
from smartmask.plan.language import grammar
from smartmask.plan.layouts.stuff import BUNDLED
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import IDEA, NextObject, PlanState, Region
from smartmask.plan.planners.next_object import BOX, LONGEST, NextObjectNetwork, box_numbers
from smartmask.scene.categories import STYLES, clean_name
from smartmask.text.encoder import TextEncoder

COMPLETE = 0.6  # probability of the end from which no idea is given
LEAST = 0.004  # probability below which a name is no idea
STYLE = STYLES.index("panoptic")  # scenes in which everything is named


class LearnedPlanner:
    """Wanted objects first, then ideas of its own, until it holds the scene for complete or ``ideas`` are given.

    ideas: how many objects beyond the text it may propose; with 0 the network is not asked.
    """

    name = "learned"

    def __init__(self, network: NextObjectNetwork, text: TextEncoder, ideas: int = 0) -> None:
        self.network, self.text, self.ideas = network, text, ideas
        self.names = network.config.names
        self.table = np.stack([text.encode(name) for name in self.names])

    @classmethod
    def from_pretrained(cls, text: TextEncoder, folder: Path | None = None, ideas: int = 0) -> LearnedPlanner:
        """The planner of a folder with ``next/`` in it; without one the bundled. ValueError if it is damaged."""
        network = NextObjectNetwork.load((folder or BUNDLED) / "next")
        return cls(network, text, ideas)

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """Wanted objects in drawing order, by rules and without a region; then, if there is room, its own ideas."""
        wanted = GivenList().propose(state, count)
        if len(wanted) == count or sum(key.startswith(IDEA) for key in state.placed) >= self.ideas:
            return wanted
        return [*wanted, *self.ideas_for(state, count - len(wanted))]

    def ideas_for(self, state: PlanState, count: int = 5) -> list[NextObject]:
        """Things that such a scene would also hold, and where, likeliest first; empty if it is likelier complete."""
        hidden, shares = self._read(state)
        there = Counter(self.text.understand(clean_name(layer.name)).name for layer in state.scene.layers)
        found: list[NextObject] = []
        if float(shares[-1]) > COMPLETE:
            return []
        for index in np.argsort(-shares[:-1]):
            name, share = self.names[int(index)], float(shares[index])
            if len(found) == count or share < LEAST:
                break
            if name in grammar.SURFACES or name in grammar.SURFACE_NAMES or name in _NOT_DRAWN:
                continue
            mean, _, log_count = self.network.describe(hidden, self.table[int(index)])
            if there[name] >= max(1.0, math.exp(log_count)):
                continue
            why = f"Such scenes hold a {name} next with probability {share:.2f}"
            why += f"; {there[name]} of about {math.exp(log_count):.1f} are there." if there[name] else "."
            found.append(NextObject(name, share, why, _region(mean)))
        return found

    def likelihood(self, state: PlanState) -> dict[str, float]:
        """The probability of each known name to come next, and of the end under the empty name."""
        _, shares = self._read(state)
        return dict(zip((*self.names, ""), (float(share) for share in shares), strict=True))

    def _read(self, state: PlanState) -> tuple[np.ndarray, np.ndarray]:
        """The network's state (width,), and (names + 1,) probabilities of what comes next."""
        scene = state.scene
        layers = scene.layers[-LONGEST:]
        names, boxes = np.zeros((len(layers), self.table.shape[1]), np.float32), np.zeros((len(layers), BOX + 1))
        unit = np.array([scene.width, scene.height, scene.width, scene.height], np.float32)
        for i, layer in enumerate(layers):
            names[i] = self.text.encode(clean_name(layer.name))
            box = mask_box(layer.mask)
            if box is not None:
                boxes[i] = *box_numbers(np.array(box, np.float32) / unit), 1
        hidden = self.network.state(names, boxes, self.text.encode_context(state.request.text), STYLE)
        return hidden, np.exp(self.network.scores(hidden, self.table, STYLE))


# Names of annotations that are no object with a shape of its own.
_NOT_DRAWN = frozenset(["food", "paper", "light", "fruit", "net", "cardboard", "banner", "bridge", "roof", "stairs",
                        "counter", "door", "window", "window blind", "curtain", "table", "wall tile", "wall brick",
                        "wall stone", "wall wood", "floor wood", "house", "flower", "mirror"])  # fmt: skip


def _region(numbers: np.ndarray) -> Region:
    """Box numbers as a box in shares of the picture, its centre inside."""
    cx, foot = float(np.clip(numbers[0], 0.05, 0.95)), float(np.clip(numbers[1], 0.05, 1.0))
    w, h = float(np.exp(np.clip(numbers[2], -4, 0))), float(np.exp(np.clip(numbers[3], -4, 0)))
    return cx - w / 2, foot - h, cx + w / 2, foot
