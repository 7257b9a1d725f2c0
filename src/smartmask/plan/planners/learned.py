"""The bundled planner: a small network that has seen which objects share a scene, in which order, how many, where.

It speaks for ideas beyond the text alone; the text's own objects are ordered by rules, and placed by ``arrange``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from smartmask.geometry import mask_box
from smartmask.io.components import load_component
from smartmask.plan.language import grammar
from smartmask.plan.layouts.stuff import BUNDLED
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import IDEA, NextObject, PlanState, Region
from smartmask.plan.planners.next_object import LONGEST, NextObjectConfig, NextObjectNetwork, box_numbers
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
        self.network, self.text, self.ideas = network.eval(), text, ideas
        self.names = network.config.names
        self.table = torch.from_numpy(np.stack([text.encode(name) for name in self.names]))

    @classmethod
    def from_pretrained(cls, text: TextEncoder, folder: Path | None = None, ideas: int = 0) -> LearnedPlanner:
        """The planner of a folder with ``next/`` in it; without one the bundled. ValueError if it is damaged."""
        network = load_component((folder or BUNDLED) / "next", NextObjectNetwork, NextObjectConfig)
        return cls(network, text, ideas)

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        """Wanted objects in drawing order, by rules and without a region; then, if there is room, its own ideas."""
        wanted = GivenList().propose(state, count)
        if len(wanted) == count or sum(key.startswith(IDEA) for key in state.placed) >= self.ideas:
            return wanted
        return [*wanted, *self.ideas_for(state, count - len(wanted))]

    @torch.inference_mode()
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
            mean, _, log_count = self.network.describe(hidden, self.table[[int(index)]])
            if there[name] >= max(1.0, float(log_count[0].exp())):
                continue
            why = f"Such scenes hold a {name} next with probability {share:.2f}"
            why += f"; {there[name]} of about {float(log_count[0].exp()):.1f} are there." if there[name] else "."
            found.append(NextObject(name, share, why, _region(mean[0].numpy())))
        return found

    @torch.inference_mode()
    def likelihood(self, state: PlanState) -> dict[str, float]:
        """The probability of each known name to come next, and of the end under the empty name."""
        _, shares = self._read(state)
        return dict(zip((*self.names, ""), (float(share) for share in shares), strict=True))

    def _read(self, state: PlanState) -> tuple[torch.Tensor, np.ndarray]:
        """The network's state (1, width), and (names + 1,) probabilities of what comes next."""
        scene = state.scene
        layers = scene.layers[-LONGEST:]
        size = max(len(layers), 1)
        names, boxes = torch.zeros(1, size, 128), torch.zeros(1, size, 5)
        known = torch.zeros(1, size, dtype=torch.bool)
        unit = np.array([scene.width, scene.height, scene.width, scene.height], np.float32)
        for i, layer in enumerate(layers):
            names[0, i] = torch.from_numpy(self.text.encode(clean_name(layer.name)))
            known[0, i] = True
            box = mask_box(layer.mask)
            if box is not None:
                boxes[0, i, :4] = box_numbers(torch.from_numpy(np.array(box, np.float32) / unit))
                boxes[0, i, 4] = 1
        caption = torch.from_numpy(self.text.encode_context(state.request.text))[None]
        style = torch.tensor([STYLE])
        with torch.inference_mode():
            hidden = self.network.state(names, boxes, known, caption, style)
            shares = self.network.scores(hidden, self.table, style)[0].exp()
        return hidden, shares.double().numpy()


# Names of annotations that are no object with a shape of its own.
_NOT_DRAWN = frozenset(["food", "paper", "light", "fruit", "net", "cardboard", "banner", "bridge", "roof", "stairs",
                        "counter", "door", "window", "window blind", "curtain", "table", "wall tile", "wall brick",
                        "wall stone", "wall wood", "floor wood", "house", "flower", "mirror"])  # fmt: skip


def _region(numbers: np.ndarray) -> Region:
    """Box numbers as a box in shares of the picture, its centre inside."""
    cx, foot = float(np.clip(numbers[0], 0.05, 0.95)), float(np.clip(numbers[1], 0.05, 1.0))
    w, h = float(np.exp(np.clip(numbers[2], -4, 0))), float(np.exp(np.clip(numbers[3], -4, 0)))
    return cx - w / 2, foot - h, cx + w / 2, foot
