"""What any mask model has to beat: box fill, ellipse, class mean shape, and shapes retrieved from the training set.

Shapes live in the box's own frame, a square grid stretched over the object's tight box, and are
pasted into the scene. Each baseline is a *system*: a callable ``(scene, name, guide, n, seed)`` that
returns a ``Prediction``, as the benchmark wants it. Where the guide gives no box, one is drawn from
the training boxes of the class (``place``), so the same baselines answer every kind of guidance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from smartmask.categories import clean_name
from smartmask.data.guides import draw_guide
from smartmask.geometry import BoxXYXY, components, mask_box, scale_box
from smartmask.guidance import Box, Guide, Point, draw
from smartmask.scene import Scene

SHAPE_SIDE = 64  # cells a side of the box's own frame
NEAREST = 64  # shapes of the class with the nearest aspect ratio that retrieval draws from
FRAME_CUTS = np.arange(0.2, 0.71, 0.05)  # candidate thresholds of a class mean
FIT_SHAPES = 200  # training shapes that tell how a guide's extent relates to the object's box


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a system answers for one object.

    masks: (n, H, W) bool, best first; a system with a single answer may give n = 1.
    scores: (n,) or None. first: index in ``masks`` of the unranked sample, the first seed's.
    """

    masks: np.ndarray
    scores: np.ndarray | None = None
    first: int = 0


System = Callable[[Scene, str, "Guide | None", int, int], Prediction]


def shape_key(name: str) -> str:
    """The name under which shapes of one class meet: ``dining_table`` and ``Dining-Table`` are one."""
    return clean_name(name).lower()


def to_box_frame(mask: np.ndarray, side: int = SHAPE_SIDE) -> np.ndarray:
    """``(side, side)`` bool: a ``(H, W)`` mask seen in its tight box. ValueError for an empty mask."""
    box = mask_box(mask)
    if box is None:
        raise ValueError("An empty mask has no shape.")
    x0, y0, x1, y1 = (int(v) for v in box)
    return _stretch(mask[y0:y1, x0:x1], side, side)


def from_box_frame(shape: np.ndarray, box: BoxXYXY, height: int, width: int) -> np.ndarray:
    """``(height, width)`` bool: a box-frame shape pasted into the scene.

    The box's edges are rounded to whole pixels (at least one pixel a side); what leaves the scene is cut.
    """
    x0, y0 = round(box[0]), round(box[1])
    x1, y1 = max(round(box[2]), x0 + 1), max(round(box[3]), y0 + 1)
    pasted = np.zeros((height, width), dtype=bool)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        stretched = _stretch(shape, y1 - y0, x1 - x0)
        pasted[top:bottom, left:right] = stretched[top - y0 : bottom - y0, left - x0 : right - x0]
    return pasted


def _stretch(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    # Area averaging when it shrinks and linear interpolation when it grows keep thin parts honest.
    shrinks = height * width < mask.shape[0] * mask.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (width, height), interpolation=how) >= 0.5


@dataclass(frozen=True, eq=False)
class ShapeBank:
    """Whole shapes of the training split, in box frames.

    packed: (N, side * side / 8) uint8, the shapes' bits.  names: (N,) str, as ``shape_key`` writes them.
    boxes: (N, 4) x0, y0, x1, y1 as fractions of the image's width and height.
    aspects: (N,) width / height of the box in pixels.
    """

    packed: np.ndarray
    names: np.ndarray
    boxes: np.ndarray
    aspects: np.ndarray
    _fits: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def from_layers(cls, layers: Iterable[tuple[str, np.ndarray]]) -> ShapeBank:
        """Bank of (name, (H, W) mask) pairs; empty masks are skipped. ValueError if nothing is left."""
        packed, names, boxes, aspects = [], [], [], []
        for name, mask in layers:
            box = mask_box(mask)
            if box is None:
                continue
            height, width = mask.shape
            packed.append(np.packbits(to_box_frame(mask)))
            names.append(shape_key(name))
            boxes.append((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
            aspects.append((box[2] - box[0]) / (box[3] - box[1]))
        if not names:
            raise ValueError("The shape bank is empty: the training split has no object that fits the protocol.")
        return cls(np.stack(packed), np.array(names), np.array(boxes), np.array(aspects))

    def __len__(self) -> int:
        return len(self.names)

    def shape(self, index: int) -> np.ndarray:
        """``(side, side)`` bool shape number ``index``."""
        return np.unpackbits(self.packed[index]).reshape(SHAPE_SIDE, SHAPE_SIDE).astype(bool)

    @cached_property
    def _members(self) -> dict[str, np.ndarray]:
        return {str(name): np.flatnonzero(self.names == name) for name in np.unique(self.names)}

    def knows(self, name: str) -> bool:
        """Whether the bank has a shape of this class."""
        return shape_key(name) in self._members

    def members(self, name: str) -> np.ndarray:
        """Indices of the shapes of a class; of all shapes for a class the bank does not know."""
        return self._members.get(shape_key(name), np.arange(len(self)))

    def nearest(self, name: str, aspect: float, count: int) -> np.ndarray:
        """Up to ``count`` indices of a class's shapes, by distance in log aspect ratio."""
        members = self.members(name)
        gaps = np.abs(np.log(self.aspects[members] / aspect))
        return members[np.argsort(gaps, kind="stable")[:count]]

    def edge_fit(self, kind: str) -> np.ndarray:
        """(4,) where an object's box edges lie, given the extent of a rough guide of this kind.

        In units of the extent's half sides from its centre, so (-1, -1, 1, 1) is the extent itself:
        the median over guides drawn for random training shapes. A stroke through an object reaches
        less far than the object, and a baseline that took it for the box would be too easy to beat.
        """
        if kind not in self._fits:
            rng = np.random.default_rng(0)
            edges = []
            for index in rng.choice(len(self), min(FIT_SHAPES, len(self)), replace=False):
                aspect = float(np.clip(self.aspects[index], 1 / 6, 6))
                half_width, half_height = 40 * aspect**0.5, 40 / aspect**0.5
                box = (128 - half_width, 128 - half_height, 128 + half_width, 128 + half_height)
                mask = from_box_frame(self.shape(int(index)), box, 256, 256)
                guide, true = draw_guide(mask, kind, rng, exact=True), mask_box(mask)
                if guide is not None and true is not None:
                    edges.append(_to_extent_units(true, guide.extent(256, 256)))
            self._fits[kind] = np.median(edges, axis=0)
        return self._fits[kind]


def _to_extent_units(box: BoxXYXY, extent: BoxXYXY) -> np.ndarray:
    x0, y0, x1, y1 = extent
    centre = np.tile([(x0 + x1) / 2, (y0 + y1) / 2], 2)
    return (np.array(box) - centre) / np.tile([(x1 - x0) / 2, (y1 - y0) / 2], 2)


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
    x0, y0, x1, y1 = bank.boxes[rng.choice(bank.members(name))] * np.tile([scene.width, scene.height], 2)
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
    """The mean shape of the class's training shapes, cut where it fits them best.

    A pixel belongs to it if at least a share t of the class's training shapes have it there; t is
    chosen per class among .2, .25, ... .7 by mean IoU with those shapes (thresholds under .5 win
    for IoU, since a missed pixel costs more than a spare one). Nothing of the test split is used.
    """

    def __init__(self, bank: ShapeBank, most: int = 2000) -> None:
        super().__init__(bank, self.mean_shape)
        self.most = most  # shapes of a class that vote; more change nothing and cost memory
        self._known: dict[str, np.ndarray] = {}

    def mean_shape(self, name: str) -> np.ndarray:
        """``(side, side)`` bool mean shape of a class; of all shapes for an unknown class."""
        key = shape_key(name) if self.bank.knows(name) else ""
        if key not in self._known:
            members = self.bank.members(name)
            if len(members) > self.most:
                members = np.random.default_rng(0).choice(members, self.most, replace=False)
            shapes = np.unpackbits(self.bank.packed[members], axis=1).astype(np.float32)  # (m, side * side)
            share, areas = shapes.mean(axis=0), shapes.sum(axis=1)
            cuts = np.stack([share >= cut for cut in FRAME_CUTS]).astype(np.float32)  # (cuts, side * side)
            inter = shapes @ cuts.T
            union = areas[:, None] + cuts.sum(axis=1)[None, :] - inter
            best = int((inter / np.maximum(union, 1)).mean(axis=0).argmax())
            self._known[key] = cuts[best].reshape(SHAPE_SIDE, SHAPE_SIDE).astype(bool)
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
    """n different training shapes of the class, drawn at random from the nearest in aspect ratio.

    nearest: how many of the class's shapes count as near. A class with fewer than n shapes is topped
    up with the nearest of all classes; an unknown class uses those alone.
    """

    def __init__(self, bank: ShapeBank, nearest: int = NEAREST) -> None:
        self.bank, self.pool = bank, nearest

    def __call__(self, scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        rng = np.random.default_rng(seed)
        masks, used = [], np.empty(0, dtype=np.int64)
        for _ in range(n):
            box = place(self.bank, scene, name, guide, rng)
            pool = self._pool(name, (box[2] - box[0]) / (box[3] - box[1]), n)
            fresh = pool[~np.isin(pool, used)]
            index = int(rng.choice(fresh if len(fresh) else pool))
            used = np.append(used, index)
            masks.append(from_box_frame(self.bank.shape(index), box, scene.height, scene.width))
        return Prediction(np.stack(masks))

    def _pool(self, name: str, aspect: float, n: int) -> np.ndarray:
        pool = self.bank.nearest(name, aspect, self.pool)
        if len(pool) < n:
            gaps = np.abs(np.log(self.bank.aspects / aspect))
            others = np.argsort(gaps, kind="stable")[: self.pool]
            pool = np.concatenate([pool, others[~np.isin(others, pool)]])
        return pool


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
    "guide": guide_fill,
    "holes": HoleFill,
}
# Baselines that say something about one kind of guidance only.
SPECIAL = {"guide": "mask", "holes": "none"}
