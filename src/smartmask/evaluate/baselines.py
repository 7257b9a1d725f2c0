"""What any mask model has to beat: box, ellipse, class mean, and outlines of the same memory, chosen without learning.

Shapes live in the box's own frame (shapes.py) and are pasted into the scene. Each baseline is a *system*: a callable
``(scene, name, guide, n, seed)`` that returns a ``Prediction``, as the benchmark wants it. Where the guide gives no
box, one is drawn from the training boxes of the class (``place``), so the same baselines answer every kind of guidance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from smartmask.data.shapes import SHAPE_SIDE, ShapeBank, from_box_frame, pairwise_ious
from smartmask.data.shapes import shape_key as shape_key
from smartmask.geometry import BoxXYXY, components, mask_box, scale_box
from smartmask.guides import Box, Guide, Point, draw
from smartmask.scene import Scene

NEAREST = 40  # outlines of the class with the nearest aspect ratio that retrieval draws from
COVERED = (120, 400)  # the same, that the covering baselines choose from
FRAME_CUTS = np.arange(0.2, 0.71, 0.05)  # candidate thresholds of a class mean


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a system answers for one object.

    masks: (n, H, W) bool, best first; a system with a single answer may give n = 1.
    scores: (n,) or None. first: index in ``masks`` of the unranked sample, the first seed's.
    boxes: of the whole objects, also beyond the border; None where a system does not say.
    """

    masks: np.ndarray
    scores: np.ndarray | None = None
    first: int = 0
    boxes: Sequence[BoxXYXY] | None = None


System = Callable[[Scene, str, "Guide | None", int, int], Prediction]


def place(bank: ShapeBank, scene: Scene, name: str, guide: Guide | None, rng: np.random.Generator) -> BoxXYXY:
    """Box for an object, in scene pixels: the guide's own, or drawn from the class's training boxes.

    None draws one box of the class as a fraction of the image; a point draws a box's size and
    centres it on the point; a box is taken as it is; other guides' extents are stretched as
    ``ShapeBank.edge_fit`` says.
    """
    if isinstance(guide, Box):
        return guide.extent(scene.height, scene.width)
    if guide is not None and not isinstance(guide, Point):
        x0, y0, x1, y1 = guide.extent(scene.height, scene.width)
        middle = np.tile([(x0 + x1) / 2, (y0 + y1) / 2], 2)
        half = np.tile([(x1 - x0) / 2, (y1 - y0) / 2], 2)
        left, top, right, bottom = (middle + half * bank.edge_fit(guide.kind)).tolist()
        return left, top, right, bottom
    x0, y0, x1, y1 = rng.choice(bank.places.of(name)) * np.tile([scene.width, scene.height], 2)
    if guide is None:
        return float(x0), float(y0), float(x1), float(y1)
    half_width, half_height = float(x1 - x0) / 2, float(y1 - y0) / 2
    return guide.x - half_width, guide.y - half_height, guide.x + half_width, guide.y + half_height


class FixedShape:
    """A system that puts one and the same shape into every box; ``shape_of(name)`` is (side, side) bool."""

    def __init__(self, bank: ShapeBank, shape_of: Callable[[str], np.ndarray]) -> None:
        self.bank, self.shape_of = bank, shape_of

    def __call__(self, scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        rng = np.random.default_rng(seed)
        random_place = guide is None or isinstance(guide, Point)
        shape = self.shape_of(name)
        masks = [
            from_box_frame(shape, place(self.bank, scene, name, guide, rng), scene.height, scene.width)
            for _ in range(n if random_place else 1)
        ]
        return Prediction(np.stack(masks))


def box_fill(bank: ShapeBank) -> FixedShape:
    """The whole box."""
    return FixedShape(bank, lambda name: np.ones((SHAPE_SIDE, SHAPE_SIDE), dtype=bool))


def ellipse(bank: ShapeBank) -> FixedShape:
    """The ellipse that touches the box's four sides."""
    steps = (np.arange(SHAPE_SIDE) + 0.5) / SHAPE_SIDE * 2 - 1
    disk = steps[:, None] ** 2 + steps[None, :] ** 2 <= 1
    return FixedShape(bank, lambda name: disk)


class ClassMean(FixedShape):
    """The mean shape of the class's outlines, cut where it fits them best.

    A pixel belongs to it if at least a share t of the class's outlines have it there; t is
    chosen per class among .2, .25, ... .7 by mean IoU with them (thresholds under .5 win
    for IoU, since a missed pixel costs more than a spare one). Nothing of the test split is used.
    """

    def __init__(self, bank: ShapeBank, most: int = 2000) -> None:
        super().__init__(bank, self.mean_shape)
        self.most = most  # shapes of a class that vote; more change nothing and cost memory
        self._known: dict[str, np.ndarray] = {}

    def mean_shape(self, name: str) -> np.ndarray:
        """``(side, side)`` bool mean shape of a class; of all shapes for an unknown class."""
        outlines = self.bank.outlines
        key = shape_key(name) if outlines.knows(name) else ""
        if key not in self._known:
            members = outlines.members(name)
            if len(members) > self.most:
                members = np.random.default_rng(0).choice(members, self.most, replace=False)
            shapes = outlines.shapes(members)
            share = shapes.mean(axis=0)
            cuts = np.stack([share >= cut for cut in FRAME_CUTS])  # (cuts, side, side)
            best = int(pairwise_ious(cuts, shapes).mean(axis=1).argmax())
            self._known[key] = cuts[best]
        return self._known[key]


class HoleFill:
    """Puts the class mean where the layout has a hole, for mask-free runs; elsewhere it is ``ClassMean``.

    It sees what every system sees, and uses only that hidden regions are unlabeled. A model that
    finds places no better than this has read the benchmark's hiding and not the scene.
    """

    SHARE = (0.005, 0.6)  # of the image: smaller holes are cracks, larger ones unlabeled background
    SHRINK = 1 / 1.28  # hidden regions reach about .14 of the object's side beyond it on each side

    def __init__(self, bank: ShapeBank) -> None:
        self.mean = ClassMean(bank)

    def __call__(self, scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        holes = self._holes(scene) if guide is None else []
        if not holes:
            return self.mean(scene, name, guide, n, seed)
        order = np.random.default_rng(seed).permutation(len(holes))
        shape = self.mean.mean_shape(name)
        boxes = [holes[order[i % len(holes)]] for i in range(n)]
        return Prediction(np.stack([from_box_frame(shape, box, scene.height, scene.width) for box in boxes]))

    def _holes(self, scene: Scene) -> list[BoxXYXY]:
        pixels = scene.height * scene.width
        parts = components(scene.top() < 0, max(1, round(self.SHARE[0] * pixels)))
        boxes = [mask_box(part) for part in parts if part.sum() <= self.SHARE[1] * pixels]
        return [scale_box(box, self.SHRINK) for box in boxes if box is not None]


class Retrieval:
    """n different outlines of the class, drawn at random from the nearest in aspect ratio.

    nearest: how many of the class's outlines count as near. A class with fewer than n is filled up with
    the nearest in aspect of all classes; an unknown class uses those alone.
    """

    def __init__(self, bank: ShapeBank, nearest: int = NEAREST) -> None:
        self.bank, self.pool = bank, nearest

    def __call__(self, scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        rng = np.random.default_rng(seed)
        masks, used = [], np.empty(0, dtype=np.int64)
        for _ in range(n):
            box = place(self.bank, scene, name, guide, rng)
            pool = self.bank.outlines.nearest(name, _aspect(box), self.pool, least=n)
            fresh = pool[~np.isin(pool, used)]
            index = int(rng.choice(fresh if len(fresh) else pool))
            used = np.append(used, index)
            masks.append(from_box_frame(self.bank.outlines.shape(index), box, scene.height, scene.width))
        return Prediction(np.stack(masks))


class Cover:
    """n outlines that cover the nearest of their class best: greedy k-medoids on IoU in the box, mirrored ones too.

    The first choice is the outline most like all others of the pool, the next the one that adds most to the mean over
    the pool of the best IoU with what is chosen, and so on; then ranked by mean IoU with the pool. It knows neither
    scene nor chance: with a box, the seed changes nothing. Without one, the boxes come by chance from the class's
    training boxes, and every box shows its own rank's outline.
    """

    def __init__(self, bank: ShapeBank, nearest: int = COVERED[0]) -> None:
        self.bank, self.pool = bank, nearest

    def __call__(self, scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        rng = np.random.default_rng(seed)
        boxes = [place(self.bank, scene, name, guide, rng) for _ in range(n)]
        covers: dict[float, np.ndarray] = {}
        for box in boxes:
            if _aspect(box) not in covers:
                covers[_aspect(box)] = self.cover(name, _aspect(box), n)
        masks = [
            from_box_frame(covers[_aspect(box)][rank], box, scene.height, scene.width) for rank, box in enumerate(boxes)
        ]
        return Prediction(np.stack(masks))

    def cover(self, name: str, aspect: float, n: int) -> np.ndarray:
        """``(n, side, side)`` bool shapes, best first; the last ones repeat where the pool has fewer."""
        rows = self.bank.outlines.nearest(name, aspect, self.pool, least=max(NEAREST, n))
        plain = self.bank.outlines.shapes(rows)
        pool = np.concatenate([plain, plain[:, :, ::-1]])
        return pool[np.resize(covering(pairwise_ious(pool, pool), n), n)]


def covering(alike: np.ndarray, count: int) -> np.ndarray:
    """Up to ``count`` different rows of ``(m, m)`` similarities that cover all best, greedily; the most typical first.

    Similarities are compared in whole ten-thousandths and ties go to the lower row, so that the choice is the same on
    every processor.
    """
    whole = np.round(alike.astype(np.float64) * 10_000).astype(np.int64)
    reached = np.zeros(len(whole), dtype=np.int64)
    chosen: list[int] = []
    for _ in range(min(count, len(whole))):
        gain = np.maximum(whole, reached).sum(axis=1)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        reached = np.maximum(reached, whole[chosen[-1]])
    typical = whole.sum(axis=1)
    return np.array(sorted(chosen, key=lambda row: (-typical[row], row)))


def _aspect(box: BoxXYXY) -> float:
    return (box[2] - box[0]) / (box[3] - box[1])


def guide_fill(bank: ShapeBank) -> System:
    """What the user drew, taken as the mask (G >= 1/2); the whole box where the guide has no area."""
    fill = box_fill(bank)

    def system(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        if guide is None or isinstance(guide, Point):
            return fill(scene, name, guide, n, seed)
        return Prediction((draw([guide], scene.height, scene.width) >= 0.5)[None])

    return system


BASELINES: dict[str, Callable[[ShapeBank], System]] = {
    "box-fill": box_fill,
    "ellipse": ellipse,
    "class-mean": ClassMean,
    "retrieval": Retrieval,
    "cover": Cover,
    "cover-400": lambda bank: Cover(bank, COVERED[1]),
    "guide": guide_fill,
    "holes": HoleFill,
}
# Baselines that say something about one kind of guidance only.
SPECIAL = {"cover-400": "box", "guide": "mask", "holes": "none"}
