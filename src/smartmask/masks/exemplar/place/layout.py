"""What a scene says about places: a small map of what is where, and its things. Made once a scene.

Names enter as their likeness to a few kinds of surfaces and things (``KINDS``), so that any vocabulary works and few
labelled scenes are enough to learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from smartmask.scene import Scene
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import typical_size

KINDS: tuple[tuple[str, ...], ...] = (
    ("grass", "field"), ("road", "pavement", "street"), ("floor", "carpet", "rug"), ("sand", "dirt", "gravel"),
    ("snow", "ice"), ("water", "sea", "river"), ("sky", "clouds"), ("tree", "bush", "plant"), ("mountain", "hill"),
    ("building", "house", "wall"), ("window", "door", "curtain"), ("table", "counter", "desk", "shelf"),
    ("chair", "couch", "bed"), ("person", "man", "child"), ("dog", "horse", "cow", "bird"),
    ("car", "bus", "bicycle"), ("food", "pizza", "cake"), ("cup", "bowl", "bottle", "knife"),
    ("book", "laptop", "tv", "keyboard"), ("ball", "racket", "skateboard", "surfboard"),
)  # fmt: skip
GROUND = 5  # of KINDS, the first: what things stand on
CARRIERS = (11, 12)  # of KINDS: what carries things
PEOPLE = 13  # of KINDS
SHARP = 0.07  # cosine by which a likeness falls to 1/e of the best
CHANNELS = len(KINDS) + 2  # of the map: likeness to each kind, thing, unlabeled
TAKEN, UNMOVED = 0.15, 0.02  # cosine by which a measured name's say falls to 1/e; weight of no change
SIDE = 128  # pixels of the longer side of the map on which things are found
CELLS = 64  # a side of the map over shares of the scene
GAPS = 0.6  # share of a scene up to which unlabeled parts are gaps, and hold what surrounds them
THINGS = 24  # the largest that count
INSET, UNDER = 0.1, 0.04  # of a box's width, and of the scene: the strip under a thing that tells what it stands on
LEAST = 10  # pixels of the small map: smaller things do not count
BANDS = 4  # across the picture, top to bottom
GLOBAL = CHANNELS + BANDS * len(KINDS) + 1  # numbers that describe a scene as a whole


@dataclass(frozen=True, eq=False)
class Named:
    """What is known of a name. key: to compare by. kinds: (len(KINDS),) likeness, sums to 1. metres: log of the height
    at which it is usually seen. aspect: log of the usual width over height. seen: how much of metres is due to how
    pictures show it, and not to its own height."""

    key: str
    kinds: np.ndarray
    metres: float
    aspect: float
    seen: float = 0.0


class Names:
    """Names as places see them, each looked up once.

    seen: {key: log factor} of names whose height was measured in pictures, against the typical one: people sit, cars
    are far and cut by the border. Names like them take over some of it.
    """

    def __init__(self, text: TextEncoder, seen: Mapping[str, float] | None = None) -> None:
        self.text, self.seen = text, dict(seen or {})
        self.find = lru_cache(maxsize=4096)(self._find)

    def key(self, name: str) -> str:
        """The name under which things of one kind meet: what the vocabulary reads it as."""
        meaning = self.text.understand(name)
        return key_of(name) if meaning.how == "fallback" else meaning.name

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres as seen in pictures, and width over height."""
        found = self.find(name)
        return float(np.exp(found.metres)), float(np.exp(found.aspect))

    @cached_property
    def _anchors(self) -> tuple[np.ndarray, np.ndarray]:
        """``(words, d)`` unit vectors of all words of KINDS, and the first word of each kind."""
        words = np.stack([unit(self.text.encode(word)) for kind in KINDS for word in kind])
        return words, np.concatenate([[0], np.cumsum([len(kind) for kind in KINDS])[:-1]])

    @cached_property
    def _measured(self) -> tuple[np.ndarray, np.ndarray]:
        """``(names, d)`` unit vectors of the measured names, and their factors."""
        return np.stack([unit(self.text.encode(key)) for key in self.seen]), np.array(list(self.seen.values()))

    def _find(self, name: str) -> Named:
        words, first = self._anchors
        vector = unit(self.text.understand(name).vector)
        like = np.maximum.reduceat(words @ vector, first)
        kinds = np.exp((like - like.max()) / SHARP)
        metres, aspect = np.log(typical_size(name, self.text))
        key = self.key(name)
        seen = self._factor(key, vector)
        return Named(key, (kinds / kinds.sum()).astype(np.float32), float(metres) + seen, float(aspect), seen)

    def _factor(self, key: str, vector: np.ndarray) -> float:
        if not self.seen or key in self.seen:
            return self.seen.get(key, 0.0)
        vectors, factors = self._measured
        weights = np.exp((vectors @ vector - 1) / TAKEN)
        return float(weights @ factors / (weights.sum() + UNMOVED))


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at length 1; zeros stay zeros."""
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def key_of(name: str) -> str:
    """The name under which boxes of one class meet."""
    return clean_name(name).lower()


@dataclass(frozen=True, eq=False)
class Layout:
    """A scene as places see it; boxes in shares of the scene's width and height.

    ratio: log of width over height. sums: (CELLS + 1, CELLS + 1, CHANNELS) summed map. whole: (GLOBAL,) float32.
    boxes: (things, 4), largest first. keys, kinds (things, len(KINDS)), metres (things,): of their names.
    standing: (things,) the same metres, of those on open ground nearer to their own height (``standing_metres``).
    """

    ratio: float
    sums: np.ndarray
    whole: np.ndarray
    boxes: np.ndarray
    keys: np.ndarray
    kinds: np.ndarray
    metres: np.ndarray
    standing: np.ndarray

    @classmethod
    def of(cls, scene: Scene, names: Names) -> Layout:
        """The layout of a scene."""
        top = small_top(scene)
        return cls.from_top(
            top, [layer.name for layer in scene.layers], [layer.thing for layer in scene.layers], names,
            scene.width / scene.height,
        )  # fmt: skip

    @classmethod
    def from_top(
        cls, top: np.ndarray, layer_names: list[str], things: list[bool], names: Names, aspect: float
    ) -> Layout:
        """top: (h, w) int16, the layer seen at each pixel, -1 where there is none. aspect: width over height."""
        named = [names.find(name) for name in layer_names]
        sums, ground = _map(top, named, things)
        whole = np.concatenate([ground.mean((0, 1)), _bands(ground), [np.log(aspect)]]).astype(np.float32)
        rows = _things(top, things)
        kept = [named[index] for index, _ in rows]
        boxes = np.array([box for _, box in rows], np.float64).reshape(-1, 4)
        metres, seen = np.array([n.metres for n in kept], np.float64), np.array([n.seen for n in kept], np.float64)
        return cls(
            float(np.log(aspect)), sums, whole, boxes,
            np.array([n.key for n in kept], dtype=object), np.array([n.kinds for n in kept]).reshape(-1, len(KINDS)),
            metres, standing_metres(sums, boxes, metres, seen),
        )  # fmt: skip

    def means(self, regions: np.ndarray) -> np.ndarray:
        """``(..., CHANNELS)`` float32 means of the map over regions (..., 4); zeros outside the scene."""
        return _means(self.sums, regions)


def standing_metres(sums: np.ndarray, boxes: np.ndarray, metres: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """``(n,)`` log metres of things in boxes (n, 4): those with open ground under them are as high as they are, while
    elsewhere they are as pictures show them. seen: what the latter adds to metres."""
    x0, _, x1, y1 = boxes.T
    inset = INSET * (x1 - x0)
    below = _means(sums, np.stack([x0 + inset, y1 - UNDER / 2, x1 - inset, y1 + UNDER], axis=1))
    ground = below[:, :GROUND].sum(axis=1) * (1 - below[:, -2])
    return metres - ground * seen


def _means(sums: np.ndarray, regions: np.ndarray) -> np.ndarray:
    low = np.floor(np.clip(regions[..., :2], 0, 1) * CELLS).astype(np.intp)
    high = np.ceil(np.clip(regions[..., 2:], 0, 1) * CELLS).astype(np.intp)
    (x0, y0), (x1, y1) = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    total = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    inside = ((regions[..., 2:] > 0) & (regions[..., :2] < 1)).all(-1) & ((high > low).all(-1))
    count = np.where(inside, (x1 - x0) * (y1 - y0), 1)
    return np.where(inside[..., None], total / count[..., None], 0).astype(np.float32)


def small_top(scene: Scene) -> np.ndarray:
    """``(h, w)`` int16: the front-most layer at each pixel of a map of SIDE pixels, -1 where there is none."""
    height, width = small_size(scene.height, scene.width)
    rows = ((np.arange(height) + 0.5) * scene.height / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * scene.width / width).astype(np.intp)
    return scene.top_at(rows, columns).astype(np.int16)


def small_size(height: int, width: int) -> tuple[int, int]:
    """The small map's height and width."""
    scale = SIDE / max(height, width)
    return max(round(height * scale), 4), max(round(width * scale), 4)


def fill(top: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The index map with each pixel of ``region`` given the index of the nearest pixel outside it."""
    if region.all() or not region.any():
        return top
    _, nearest = cv2.distanceTransformWithLabels(
        region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros(nearest.max() + 1, dtype=top.dtype)
    value_of[nearest[~region]] = top[~region]
    return value_of[nearest]


def _map(top: np.ndarray, named: list[Named], things: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    gaps = top < 0
    ground = fill(top, gaps) if gaps.mean() < GAPS else top
    table = np.zeros((len(named) + 1, CHANNELS), np.float32)
    table[0, -1] = 1
    for index, (one, thing) in enumerate(zip(named, things, strict=True)):
        table[index + 1, :-2], table[index + 1, -2] = one.kinds, thing
    cells = table[cv2.resize(ground, (CELLS, CELLS), interpolation=cv2.INTER_NEAREST) + 1]
    sums = np.zeros((CELLS + 1, CELLS + 1, CHANNELS), np.float32)
    sums[1:, 1:] = cells.cumsum(0).cumsum(1)
    return sums, cells


def _bands(cells: np.ndarray) -> np.ndarray:
    return cells[..., :-2].reshape(BANDS, -1, len(KINDS)).mean(1).ravel()


def _things(top: np.ndarray, things: list[bool]) -> list[tuple[int, tuple[float, ...]]]:
    """(layer, box) of the largest things, by what is seen of them."""
    height, width = top.shape
    found = []
    for index in np.flatnonzero(things):
        rows, columns = np.nonzero(top == index)
        if len(rows) >= LEAST:
            box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
            found.append((len(rows), int(index), box))
    found.sort(key=lambda item: (-item[0], item[1]))
    return [(index, box) for _, index, box in found[:THINGS]]
