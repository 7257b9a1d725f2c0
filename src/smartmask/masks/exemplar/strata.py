"""From many weighted candidates to the one of a seed: strata that cover what is possible, walked by the seeds.

Everything is in whole numbers, so that no choice hangs on the last bits of a processor's sums. The strata depend
on the candidates alone, a seed's choice on the strata and the seed: not on how many masks are asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

COUNT = 8  # strata; as many neighbouring seeds cover them all
FINE = 1000  # steps of an overlap
WHOLE = 1 << 16  # the weight of the best candidate
NEAR = 3  # of a stratum's weight the share 1/NEAR that lies nearest its middle is drawn from
ROTATION = 2_654_435_761  # Knuth's multiplier: neighbouring blocks of seeds walk a stratum in large steps


@dataclass(frozen=True, eq=False)
class Strata:
    """members: of each stratum, the candidates that may be drawn, from its middle outwards. cumulative: their weights,
    summed. expected: (candidates,) int64, mean overlap of each with all, in FINE."""

    members: list[np.ndarray]
    cumulative: list[np.ndarray]
    expected: np.ndarray

    def choose(self, seed: int) -> int:
        """The candidate of a seed. Seeds 0 to COUNT - 1 take the strata's middles, later ones walk outwards."""
        which = seed % len(self.members)
        members, cumulative = self.members[which], self.cumulative[which]
        block = seed // len(self.members)
        if block == 0:
            return int(members[0])
        at = (block * ROTATION) % (1 << 32) * int(cumulative[-1]) >> 32
        return int(members[int(np.searchsorted(cumulative, at, side="right"))])

    def is_first(self, candidate: int) -> bool:
        """Whether a candidate is drawn from the first stratum."""
        return bool((self.members[0] == candidate).any())


def weights_of(units: np.ndarray, scale: int) -> np.ndarray:
    """``(n,)`` int64 weights, WHOLE for the best, of whole log scores with ``scale`` units a nat; at least 1."""
    below = (units.max() - units).tolist() if len(units) else []
    table = {b: max(1, round(WHOLE * math.exp(-b / scale))) for b in set(below)}
    return np.array([table[b] for b in below], np.int64)


def overlaps(cells: np.ndarray) -> np.ndarray:
    """``(n, n)`` int64 intersections over unions, in FINE, of ``(n, C, C)`` bool pictures."""
    flat = cells.reshape(len(cells), -1).astype(np.float32)  # sums of ones: exact below 2^24
    shared = np.round(flat @ flat.T).astype(np.int64)
    area = np.diag(shared)
    union = area[:, None] + area[None, :] - shared
    return np.where(union > 0, FINE * shared // np.maximum(union, 1), FINE)


def stratify(
    weights: np.ndarray, overlap: np.ndarray, count: int = COUNT, near: int = NEAR, near_first: int | None = None,
    merit: np.ndarray | None = None, kin: np.ndarray | None = None,
) -> Strata:  # fmt: skip
    """Strata of weighted candidates. overlap: (n, n) as ``overlaps`` gives it.

    Middles are taken greedily: each the one that raises most the weighted overlap of all candidates with their best
    middle (k-medoids; Kaufman and Rousseeuw 1990, BUILD). A candidate belongs to the middle that it overlaps most.
    near: of a stratum's weight the share 1/near that lies nearest its middle is drawn from; near_first: the same for
    the first stratum, that of the most typical one; None: as the others.
    merit: (n,) int64 up to FINE, by which a rise counts, so that a middle is also a good example.
    kin: (n,) int; no two strata are drawn from the same kin (an outline and its mirror image) while others are left.
    """
    total = len(weights)
    best = np.zeros(total, np.int64)
    worth = np.full(total, FINE, np.int64) if merit is None else merit
    kin = np.arange(total) if kin is None else kin
    middles: list[int] = []
    taken = np.zeros(total, bool)
    for _ in range(min(count, total)):
        rise = (np.maximum(overlap - best[None, :], 0) * weights[None, :]).sum(axis=1) // FINE * worth
        rise[taken] = -1
        rise[middles] = -2
        middles.append(int(rise.argmax()))  # argmax takes the first of equals
        best = np.maximum(best, overlap[middles[-1]])
        taken |= kin == kin[middles[-1]]
    nearest = overlap[middles].argmax(axis=0)
    nearest[middles] = np.arange(len(middles))
    members, cumulative = [], []
    for index, middle in enumerate(middles):
        own = np.flatnonzero((nearest == index) & (~taken | (kin == kin[middle])))
        away = np.where(own == middle, -1, FINE - overlap[middle, own])
        own = own[np.argsort(away, kind="stable")]
        summed = np.cumsum(weights[own])
        part = near if index or near_first is None else near_first
        kept = max(1, int(np.searchsorted(summed, -(-int(summed[-1]) // part), side="left")) + 1)
        members.append(own[:kept])
        cumulative.append(summed[:kept])
    expected = (overlap * weights[None, :]).sum(axis=1) // max(int(weights.sum()), 1)
    return Strata(members, cumulative, expected)
