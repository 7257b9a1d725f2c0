"""Learning rates over a run, as functions of the share that is done: a resumed run needs nothing else to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """extends: whether a finished run may be resumed with more steps."""

    @property
    def extends(self) -> bool: ...

    def __call__(self, step: int, progress: float, steps: int) -> tuple[float, float | None]:
        """Factor of the learning rate and AdamW's first beta (None: as it is). progress: share done, 0 to 1."""
        ...


@dataclass(frozen=True)
class Plateau:
    """Linear warm-up over ``warmup`` steps, a plateau, and a fall to zero over the last ``decay`` of the run."""

    warmup: int = 200
    decay: float = 0.3
    extends: bool = True

    def __call__(self, step: int, progress: float, steps: int) -> tuple[float, float | None]:
        """See Schedule."""
        warm = min(1.0, (step + 1) / max(self.warmup, 1))
        return warm * min(1.0, max(1 - progress, 0.0) / self.decay), None


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up over a share of the steps, times half a cosine from 1 to 0."""

    warm: float = 0.03
    extends: bool = False

    def __call__(self, step: int, progress: float, steps: int) -> tuple[float, float | None]:
        """See Schedule."""
        warm = min(1.0, (step + 1) / max(1, round(self.warm * steps)))
        return warm * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))), None


@dataclass(frozen=True)
class OneCycle:
    """Half cosines from 1/25 up to 1 over ``rise`` of the run and down to 4e-6; beta from .95 to .85 and back.

    The 1cycle policy (Smith and Topin, arXiv 1708.07120) with the numbers of torch's OneCycleLR.
    """

    rise: float = 0.3
    extends: bool = False

    def __call__(self, step: int, progress: float, steps: int) -> tuple[float, float | None]:
        """See Schedule."""
        at, peak, last = progress * steps, self.rise * steps - 1, steps - 1
        if at <= peak:
            share = at / peak if peak > 0 else 1.0
            return _between(1 / 25, 1.0, share), _between(0.95, 0.85, share)
        share = min(1.0, (at - peak) / max(last - peak, 1e-9))
        return _between(1.0, 1 / 25e4, share), _between(0.85, 0.95, share)


def _between(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
