"""How large things ought to be, by a model that no part of the project uses.

The logarithm of a thing's height is a constant of its name, plus a constant of the scene, plus a slope times its lower
edge, fitted on training scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smartmask.data.plans import THINGS, PlanScene


@dataclass(frozen=True, eq=False)
class SizeModel:
    """log(height in shares of the picture) = name's constant + scene's constant + slope * lower edge (a share)."""

    constants: dict[str, float]
    slope: float

    @classmethod
    def fit(cls, scenes: Sequence[PlanScene]) -> SizeModel:
        """Least squares within scenes of at least two things; a name's constant is pulled to 0 by weight 1."""
        names = sorted({name for scene in scenes for name in scene.names if name in THINGS})
        if not names:
            raise ValueError("There is no training scene with things to learn sizes from; give another pack.")
        rows, targets = [], []
        for scene in scenes:
            kept = [i for i, name in enumerate(scene.names) if name in THINGS and scene.boxes[i, 3] > scene.boxes[i, 1]]
            if len(kept) < 2:
                continue
            design = np.zeros((len(kept), len(names) + 1))
            design[np.arange(len(kept)), [names.index(scene.names[i]) for i in kept]] = 1
            design[:, -1] = scene.boxes[kept, 3]
            heights = np.log(scene.boxes[kept, 3] - scene.boxes[kept, 1])
            rows.append(design - design.mean(axis=0))
            targets.append(heights - heights.mean())
        pull = np.eye(len(names), len(names) + 1)
        found, *_ = np.linalg.lstsq(
            np.concatenate([*rows, pull]), np.concatenate([*targets, np.zeros(len(names))]), rcond=None
        )
        return cls(dict(zip(names, found[:-1].tolist(), strict=True)), float(found[-1]))

    def residual(self, name: str, y0: float, y1: float) -> float | None:
        """What is left of a thing's log height without its name's constant and its place; None for an unknown name."""
        if name not in self.constants or y1 <= y0:
            return None
        return float(np.log(y1 - y0)) - self.constants[name] - self.slope * y1

    def error(self, thing: float, others: Sequence[float]) -> float | None:
        """How far a residual is from the scene's (the median of the others'), in nats; None without others."""
        return abs(thing - float(np.median(others))) if others else None


def real_size_errors(sizes: SizeModel, scenes: Sequence[PlanScene]) -> list[float]:
    """Mean error of each scene's real things, each judged by the others of its scene: what a true size scores."""
    means = []
    for scene in scenes:
        rows = (
            sizes.residual(name, float(box[1]), float(box[3]))
            for name, box in zip(scene.names, scene.boxes, strict=True)
            if name in THINGS
        )
        own = [value for value in rows if value is not None]
        if len(own) >= 2:
            others = (own[:i] + own[i + 1 :] for i in range(len(own)))
            means.append(float(np.mean([abs(v - np.median(rest)) for v, rest in zip(own, others, strict=True)])))
    return means
