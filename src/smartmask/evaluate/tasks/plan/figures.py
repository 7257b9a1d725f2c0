"""Next-object planners on unseen scenes, beside a frequency prior and co-occurrence counts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.plans import INDEX, NAMES, STOP, Pairs, PlanScene, depth_pairs
from smartmask.metrics.intervals import Interval, bootstrap_interval
from smartmask.plan.planners.next_object import LONGEST, NextObjectNetwork, box_numbers
from smartmask.scene.categories import STYLES
from smartmask.text.encoder import TextEncoder


class Predictor(Protocol):
    """A guess of what comes next."""

    name: str

    def predict(self, scene: PlanScene, count: int) -> np.ndarray:
        """``(names + 1,)`` probabilities of the object after the first ``count``, the last for the end."""
        ...


class Frequency:
    """How often each name comes next in training scenes of the same kind of annotation."""

    name = "frequency"

    def __init__(self, scenes: Sequence[PlanScene]) -> None:
        self.shares: dict[str, np.ndarray] = {}
        for style in STYLES:
            counts = np.full(STOP + 1, 0.5)
            for scene in scenes:
                if scene.style == style:
                    counts += np.bincount([*(INDEX[n] for n in scene.names), STOP], minlength=STOP + 1)
            self.shares[style] = counts / counts.sum()

    def predict(self, scene: PlanScene, count: int) -> np.ndarray:
        return self.shares[scene.style]


class CoOccurrence:
    """Counts of what follows next where the same object is already there, averaged over the objects there.

    Smoothed towards the frequency prior with ``smoothing`` imagined scenes; an empty scene has counts of its own.
    """

    name = "co-occurrence"

    def __init__(self, scenes: Sequence[PlanScene], smoothing: float = 8.0) -> None:
        self.prior = Frequency(scenes)
        self.smoothing = smoothing
        self.follows: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros(STOP + 1))
        for scene in scenes:
            for count in range(len(scene.names) + 1):
                target = INDEX[scene.names[count]] if count < len(scene.names) else STOP
                for name in set(scene.names[:count]) or {""}:
                    self.follows[scene.style, name][target] += 1

    def predict(self, scene: PlanScene, count: int) -> np.ndarray:
        prior = self.prior.predict(scene, count)
        there = Counter(scene.names[:count]) or {"": 1}
        rows = []
        for name in there:
            seen = self.follows.get((scene.style, name), np.zeros(STOP + 1))
            rows.append((seen + self.smoothing * prior) / (seen.sum() + self.smoothing))
        return np.mean(rows, axis=0)


class Learned:
    """The network; without captions where ``captions`` is False."""

    def __init__(self, network: NextObjectNetwork, text: TextEncoder, captions: bool = True) -> None:
        self.network, self.text, self.captions = network, text, captions
        self.name = "learned" if captions else "learned, no caption"
        self.table = np.stack([text.encode(name) for name in NAMES])

    def _state(self, scene: PlanScene, count: int, caption: int = 0) -> tuple[np.ndarray, int]:
        first = max(count - LONGEST, 0)
        names = self.table[[INDEX[n] for n in scene.names[first:count]]]
        boxes = np.concatenate([box_numbers(scene.boxes[first:count]), np.ones((count - first, 1))], axis=1)
        about = np.zeros(self.table.shape[1])
        if self.captions and scene.captions:
            about = self.text.encode_context(scene.captions[caption % len(scene.captions)])
        style = STYLES.index(scene.style)
        return self.network.state(names, boxes, about, style), style

    def predict(self, scene: PlanScene, count: int) -> np.ndarray:
        state, style = self._state(scene, count)
        return np.exp(self.network.scores(state, self.table, style))

    def count(self, scene: PlanScene, at: int) -> float:
        """The expected number of objects of the name of object ``at``, given those before it."""
        return float(np.exp(self._described(scene, at)[2]))

    def place(self, scene: PlanScene, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation (4,) of centre x, lower edge, log width, log height of object ``at``."""
        mean, spread, _ = self._described(scene, at)
        return mean, np.exp(spread)

    def _described(self, scene: PlanScene, at: int) -> tuple[np.ndarray, np.ndarray, float]:
        state, _ = self._state(scene, at)
        return self.network.describe(state, self.table[INDEX[scene.names[at]]])


def next_figures(predictor: Predictor, scenes: Sequence[PlanScene]) -> dict[str, float]:
    """Top-1 and top-5 hit rates and mean log-likelihood (nats) of the next object, the end included.

    Every scene weighs the same; each of its steps is asked with the true objects before it.
    """
    rows = []
    for scene in scenes:
        steps = []
        for count in range(len(scene.names) + 1):
            target = INDEX[scene.names[count]] if count < len(scene.names) else STOP
            shares = predictor.predict(scene, count)
            steps.append((_hit(shares, target, 1), _hit(shares, target, 5), _log(shares[target])))
        rows.append(np.mean(steps, axis=0))
    top1, top5, likelihood = np.mean(rows, axis=0)
    return {"scenes": len(scenes), "top1": float(top1), "top5": float(top5), "log_likelihood": float(likelihood)}


def _log(share: float) -> float:
    """Nats, of a share that is taken as 1e-12 at least: one sure mistake must not hide all else."""
    return float(np.log(max(share, 1e-12)))


def _hit(shares: np.ndarray, target: int, count: int) -> float:
    """The chance that ``target`` is among the ``count`` likeliest, equals in random order."""
    above, equal = int((shares > shares[target]).sum()), int((shares == shares[target]).sum())
    return min(max((count - above) / equal, 0.0), 1.0)


def better_by(a: Predictor, b: Predictor, scenes: Sequence[PlanScene]) -> Interval:
    """By how many nats a step ``a`` beats ``b``, 95 % bootstrap interval over scenes."""
    gains = []
    for scene in scenes:
        targets = [*(INDEX[n] for n in scene.names), STOP]
        gains.append(
            np.mean([_log(a.predict(scene, k)[t]) - _log(b.predict(scene, k)[t]) for k, t in enumerate(targets)])
        )
    return bootstrap_interval(np.array(gains))


def count_error(learned: Learned, scenes: Sequence[PlanScene], train: Sequence[PlanScene]) -> dict[str, float]:
    """Mean absolute error of the number of objects of a name, asked when its first one comes.

    The network gives a mean; the median of a Poisson number of that mean is what has the least absolute error.
    Beside it: the class's median number in training scenes, and always 1.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for scene in train:
        for name, number in Counter(scene.names).items():
            numbers[name].append(number)
    errors = []
    for scene in scenes:
        for name, number in Counter(scene.names).items():
            middle = float(np.median(numbers[name])) if name in numbers else 1.0
            mean = learned.count(scene, scene.names.index(name))
            said = max(1.0, math.floor(mean + 1 / 3 - 0.02 / mean))
            errors.append((abs(said - number), abs(middle - number), abs(1 - number)))
    own, median, one = np.mean(errors, axis=0)
    return {"names": len(errors), "learned": float(own), "class_median": float(median), "always_one": float(one)}


def order_tau(nearness: dict[str, float], pairs: Pairs) -> tuple[float, int]:
    """``(Kendall's tau, pairs)`` of a back-to-front order by name against true pairs of different names.

    Agreements minus disagreements over all pairs; a tie counts for neither.
    """
    signs = [np.sign(nearness[front] - nearness[back]) for front, back in pairs if front != back]
    return (float(np.mean(signs)) if signs else 0.0), len(signs)


def place_figures(learned: Learned, scenes: Sequence[PlanScene], train: Sequence[PlanScene]) -> dict[str, float]:
    """Mean log density of the next object's box numbers: learned, and one Gaussian a class of training scenes."""
    rows: dict[str, list[np.ndarray]] = defaultdict(list)
    for scene in train:
        for name, row in zip(scene.names, box_numbers(scene.boxes), strict=True):
            rows[name].append(row)
    everything = np.concatenate([np.stack(r) for r in rows.values()])
    spread = everything.std(0)
    own, prior = [], []
    for scene in scenes:
        numbers = box_numbers(scene.boxes)
        for at, name in enumerate(scene.names):
            mean, deviation = learned.place(scene, at)
            own.append(_log_normal(numbers[at], mean, deviation))
            seen = rows.get(name, [])
            # a class with few examples leans on all of them together
            weight = len(seen) / (len(seen) + 4)
            centre = weight * (np.mean(seen, axis=0) if seen else 0) + (1 - weight) * everything.mean(0)
            wide = weight * (np.std(seen, axis=0) if len(seen) > 1 else spread) + (1 - weight) * spread
            prior.append(_log_normal(numbers[at], centre, np.maximum(wide, 0.05)))
    return {"objects": len(own), "learned": float(np.mean(own)), "class_gaussian": float(np.mean(prior))}


def _log_normal(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> float:
    return float((-0.5 * ((values - mean) / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)).sum())


def plan_report(
    network: NextObjectNetwork, text: TextEncoder, pack: Pack, train: Sequence[PlanScene],
    unseen: Sequence[PlanScene], limit: int, more: Sequence[Predictor] = (),
) -> dict[str, Any]:  # fmt: skip
    """{kind of annotation: figures}, and ``order``: Kendall's tau with a size rule beside it.

    more: other planners, for the same table, each also with its gain over the frequency prior.
    """
    learned = Learned(network, text)
    plain = Learned(network, text, captions=False)
    predictors: list[Predictor] = [Frequency(train), CoOccurrence(train), plain, learned, *more]
    report: dict[str, Any] = {}
    for style in STYLES:
        scenes = [scene for scene in unseen if scene.style == style][: limit or None]
        own = [scene for scene in train if scene.style == style]
        if not scenes or not own:
            continue
        gain = better_by(learned, predictors[1], scenes)
        report[style] = {
            "next": {p.name: next_figures(p, scenes) for p in predictors},
            "gain_over_co_occurrence": gain._asdict(),
            "gain_over_frequency": {p.name: better_by(p, predictors[0], scenes)._asdict() for p in predictors[1:]},
            "count": count_error(learned, scenes, own),
            "place": place_figures(learned, scenes, own),
        }
    report["order"] = order_figures(network, learned.table, pack, train, unseen)
    return report


def order_figures(
    network: NextObjectNetwork, table: np.ndarray, pack: Pack, train: Sequence[PlanScene], unseen: Sequence[PlanScene]
) -> dict[str, float]:
    """Kendall's tau of orders by name alone: learned; smaller classes in front; names seen lower in front."""
    near = network.nearness(table)
    rules = {"learned": dict(zip(NAMES, near.tolist(), strict=True))}
    areas: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    for scene in train:
        for name, (x0, y0, x1, y1) in zip(scene.names, scene.boxes, strict=True):
            areas[name].append((float((x1 - x0) * (y1 - y0)), float(y1)))
    rules["smaller_in_front"] = {n: -float(np.mean([a for a, _ in rows])) if rows else 0 for n, rows in areas.items()}
    rules["lower_in_front"] = {n: float(np.mean([y for _, y in rows])) if rows else 0 for n, rows in areas.items()}
    pairs = depth_pairs(pack, unseen)
    figures = {name: order_tau(rule, pairs)[0] for name, rule in rules.items()}
    return {"pairs": float(order_tau(rules["learned"], pairs)[1]), **figures}
