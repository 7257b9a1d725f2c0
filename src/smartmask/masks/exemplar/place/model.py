"""Places: boxes in which a thing of some name could stand in a scene, one a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide, sample
from smartmask.io.components import save_component
from smartmask.io.integrity import check_names
from smartmask.io.publish import replacing_folder, save_tensors
from smartmask.io.reading import read_tensors
from smartmask.masks.exemplar.place.depth import depth_order, in_front
from smartmask.masks.exemplar.place.features import AGREE, box_features, request_features
from smartmask.masks.exemplar.place.layout import Layout, Named, Names
from smartmask.masks.exemplar.place.score import ScoreNetwork
from smartmask.masks.exemplar.place.usual import UsualBoxes, inside, suggested_heights
from smartmask.masks.exemplar.strata import COUNT, FINE, Strata, stratify, weights_of
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

CANDIDATES = 900  # boxes that a request looks at
KEPT = 400  # the best of them make the strata
SMALLEST = 0.01  # share of the scene: smaller candidates are left out, unless that leaves few
UNITS = 64  # of a score, a nat
SHARPER = 120  # hundredths that a score counts in choosing: voters that know little of a scene are too modest
SANE, MOST_MISFIT = 0.3, 8.0  # weight of a height's misfit with the scene's things, and its limit in nats
SANE_AT_POINT = 2.0  # the same weight where a point tells the place, so that only the size is left to tell
HIT, SOFT = 0.5, 0.06  # overlap of boxes from which one stands for the other, and how sharply
PLAIN = 0.2  # weight of the overlap itself beside that
NEAR = 3  # of a stratum's weight the share 1/NEAR that lies nearest its middle is drawn from
AVOID = 16.0  # nats that a box wholly where the thing must not be costs
BARRED = 64  # cells a side of the map of where it must not be
BOXES = "boxes.safetensors"


@dataclass(frozen=True)
class Placed:
    """box: x0, y0, x1, y1 in pixel edges of the scene. units: its score, UNITS a nat. stratum: of the seed.
    score: how much of what is likely the box stands for, beside the best one, [0, 1]."""

    box: BoxXYXY
    units: int
    stratum: int
    score: float


@dataclass(frozen=True, eq=False)
class Weighed:
    """A request's candidates. boxes: (n, 4) shares of the scene. units: (n,) int64 scores, UNITS a nat."""

    boxes: np.ndarray
    units: np.ndarray
    strata: Strata


class Places:
    """Remembered boxes and a network that weighs them in a scene. Reads a scene once for calls in a row."""

    def __init__(self, usual: UsualBoxes, network: ScoreNetwork) -> None:
        self.usual, self.names, self.network = usual, usual.known, network
        self._layout: tuple[Scene, Layout] | None = None

    # --- files ---------------------------------------------------------------------------------

    @classmethod
    def load(cls, folder: Path, text: TextEncoder) -> Places:
        """A component folder's places. Raises ValueError, naming the file, if something is missing or damaged."""
        network = ScoreNetwork.load(folder)
        path = folder / BOXES
        found = read_tensors(path, "table of boxes")[0]
        try:
            names = [*check_names(found["names"].tobytes().decode("utf-8").split("\n"), "its table")]
            metres, seen = found["metres"].astype(np.float64), found["seen"].astype(np.float64).tolist()
            usual = UsualBoxes(
                found["boxes"].astype(np.float64) / 65535, names, found["which"].astype(np.intp), found["trust"],
                Names(text, {n: v for n, v in zip(names, seen, strict=True) if v}), found["vectors"], metres,
            )  # fmt: skip
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({str(error)[:200]}); restore it.") from None
        return cls(usual, network)

    def save(self, folder: Path) -> None:
        """Writes the component folder, whole or not at all."""
        usual = self.usual
        boxes: dict[str, np.ndarray] = {
            "boxes": np.round(usual.boxes * 65535).astype(np.uint16), "which": usual.which.astype(np.uint16),
            "trust": usual.trust.astype(np.uint8), "metres": usual.metres.astype(np.float16),
            "seen": np.array([self.names.seen.get(name, 0.0) for name in usual.names], np.float16),
            "vectors": usual.vectors.astype(np.float16),
            "names": np.frombuffer("\n".join(usual.names).encode("utf-8"), np.uint8),
        }  # fmt: skip
        with replacing_folder(folder) as partial:
            save_component(partial, self.network, self.network.config)
            save_tensors(boxes, partial / BOXES)

    # --- answers -------------------------------------------------------------------------------

    def propose(
        self, scene: Scene, name: str, guides: Sequence[Guide], seeds: Sequence[int], not_here: Sequence[Guide] = ()
    ) -> list[Placed]:
        """A place a seed; it depends on scene, name, guides and the seed alone. COUNT neighbouring seeds cover what
        is likely.

        guides: points (or anything small) that the thing has to hold. not_here: what it should keep clear of.
        """
        weighed = self.weigh(scene, name, guides, not_here)
        strata, best = weighed.strata, max(int(weighed.strata.expected.max()), 1)
        result = []
        for seed in seeds:
            row = strata.choose(seed)
            stratum, score = seed % len(strata.members), float(strata.expected[row]) / best
            result.append(Placed(to_pixels(weighed.boxes[row], scene), int(weighed.units[row]), stratum, score))
        return result

    def fits(self, scene: Scene, name: str, boxes: Sequence[BoxXYXY]) -> np.ndarray:
        """``(n,)`` nats: how much likelier each box, in pixel edges, is here than among the name's usual ones.

        Known up to a constant of the request; whole UNITS.
        """
        shares = inside(np.array(boxes, np.float64).reshape(-1, 4) / _size(scene))
        return self._units(self.layout(scene), name, shares, self.usual.weights(name)) / UNITS

    def order(self, scene: Scene, box: BoxXYXY) -> int:
        """The index in ``scene.layers`` at which a thing in this box belongs."""
        return depth_order(scene, box)

    def in_front(self, scene: Scene, box: BoxXYXY) -> list[int]:
        """The layers that may hide a thing of which this box is seen."""
        return in_front(scene, box)

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres at which pictures show things of a name, and width over height."""
        return self.names.size(name)

    # --- steps ---------------------------------------------------------------------------------

    def layout(self, scene: Scene) -> Layout:
        """The scene as places see it; the last one is kept."""
        if self._layout is None or self._layout[0] is not scene:
            self._layout = scene, Layout.of(scene, self.names)
        return self._layout[1]

    def weigh(self, scene: Scene, name: str, guides: Sequence[Guide] = (), not_here: Sequence[Guide] = ()) -> Weighed:
        """The candidates of a request with their strata."""
        points = _middles(guides, scene) / _size(scene)[:2] if guides else None
        barred = _barred(not_here, scene) if not_here else None
        return self.weigh_layout(self.layout(scene), name, points, barred=barred)

    def weigh_layout(
        self, layout: Layout, name: str, points: np.ndarray | None = None, without: np.ndarray | None = None,
        barred: np.ndarray | None = None,
    ) -> Weighed:  # fmt: skip
        """The same for a layout. points: (p, 2) in shares. without: remembered boxes that do not count. barred: (s, s)
        bool over the scene, where the thing is not."""
        weights = self.usual.weights(name, without)
        # 1. draw: the same for each call of the request
        rng = np.random.default_rng(0)
        boxes = self.usual.candidates(weights, self.names.find(name), layout, CANDIDATES, rng, points)
        boxes = _large_enough(np.unique(boxes, axis=0))
        # 2. weigh
        sane = SANE if points is None else SANE_AT_POINT
        units = self._units(layout, name, boxes, weights) * SHARPER // 100
        units = units - misfit(layout, self.names.find(name), boxes, sane)
        if barred is not None:
            units = units - np.round(AVOID * UNITS * _covered(barred, boxes)).astype(np.int64)
        best = np.sort(np.argsort(-units, kind="stable")[:KEPT])
        boxes, units = boxes[best], units[best]
        # 3. cover
        strata = stratify(weights_of(units, UNITS), closeness(boxes), near=NEAR)
        return Weighed(boxes, units, strata)

    def _units(self, layout: Layout, name: str, boxes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        named: Named = self.names.find(name)
        seen = box_features(layout, named, boxes, self.usual.statistics(weights, named))
        whole = request_features(layout, named)
        return np.round(self.network.scores(seen, whole) * UNITS).astype(np.int64)


def load_places(folder: Path, text: TextEncoder) -> Places:
    """Places of a component folder. Raises ValueError, naming the file, if something is missing or damaged."""
    return Places.load(folder, text)


def closeness(boxes: np.ndarray) -> np.ndarray:
    """``(n, n)`` int64, how far each box stands for each other one, in FINE."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    across = np.minimum(boxes[:, None, 2], boxes[:, 2]) - np.maximum(boxes[:, None, 0], boxes[:, 0])
    down = np.minimum(boxes[:, None, 3], boxes[:, 3]) - np.maximum(boxes[:, None, 1], boxes[:, 1])
    common = np.maximum(across, 0) * np.maximum(down, 0)
    area = width * height
    overlap = common / (area[:, None] + area - common)
    alike = 1 / (1 + np.exp(-(overlap - HIT) / SOFT))
    return np.round(FINE * ((1 - PLAIN) * alike + PLAIN * overlap)).astype(np.int64)


def misfit(layout: Layout, name: Named, boxes: np.ndarray, weight: float = SANE) -> np.ndarray:
    """``(n,)`` int64, UNITS a nat: what is taken from boxes whose height is far from what the scene's things suggest.

    People photograph things at sizes of their own choice, so that the score alone lets them differ more than one
    wants to see them put in.
    """
    heights = suggested_heights(layout, name, boxes)
    if heights is None:
        return np.zeros(len(boxes), np.int64)
    away = (np.log(boxes[:, 3] - boxes[:, 1]) - heights) / AGREE
    return np.round(UNITS * weight * np.minimum(0.5 * away**2, MOST_MISFIT)).astype(np.int64)


def to_pixels(box: np.ndarray, scene: Scene) -> BoxXYXY:
    """A box in shares as pixel edges."""
    x0, y0, x1, y1 = (box * _size(scene)).tolist()
    return x0, y0, x1, y1


def _size(scene: Scene) -> np.ndarray:
    return np.array([scene.width, scene.height] * 2, np.float64)


def _middles(guides: Sequence[Guide], scene: Scene) -> np.ndarray:
    """``(p, 2)`` the corners of what the guides reach, in pixels; a point is its own corner."""
    corners = []
    for guide in guides:
        x0, y0, x1, y1 = guide.extent(scene.height, scene.width)
        corners += [((x0 + x1) / 2, (y0 + y1) / 2)] if x1 - x0 <= 2 and y1 - y0 <= 2 else [(x0, y0), (x1, y1)]
    return np.clip(np.array(corners, np.float64), 0, (scene.width, scene.height))


def _barred(guides: Sequence[Guide], scene: Scene) -> np.ndarray:
    """``(BARRED, BARRED)`` bool over the scene: where guides are."""
    steps = (np.arange(BARRED) + 0.5) / BARRED
    x, y = np.meshgrid(steps * scene.width, steps * scene.height)
    return sample(guides, x, y, scene.height, scene.width) >= 0.5


def _covered(barred: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """``(n,)`` the share of boxes (n, 4), in shares of the scene, that lies on barred cells."""
    side = len(barred)
    total = np.pad(barred.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    x0, y0, x1, y1 = np.round(boxes * side).astype(np.int64).T
    x1, y1 = np.minimum(np.maximum(x1, x0 + 1), side), np.minimum(np.maximum(y1, y0 + 1), side)
    x0, y0 = np.minimum(x0, x1 - 1), np.minimum(y0, y1 - 1)
    return (total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]) / ((x1 - x0) * (y1 - y0))


def _large_enough(boxes: np.ndarray) -> np.ndarray:
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    large = area >= SMALLEST
    return boxes[large] if large.sum() >= COUNT * math.ceil(KEPT / 100) else boxes
