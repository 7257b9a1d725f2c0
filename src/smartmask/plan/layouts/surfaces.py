"""The regions of stuff that a scene begins with: sky, walls, ground, each a whole (amodal) layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from smartmask.geometry import components
from smartmask.plan.layouts.stuff import StuffField
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.text.words import word_set

GROUND = word_set(
    """
    floor floor-wood grass road pavement sand sea water river dirt snow gravel platform railroad playingfield
    """
)
BUILT = word_set("floor floor-wood ceiling pavement road railroad platform playingfield sea")  # straight edges
BOXES = word_set("window cabinet shelf")  # upright boxes, also in the midst of a wall
ENOUGH = 0.28  # share of the picture that is ground, so that things have room to stand
BLOCKS = 6  # houses across the picture's width
STORY = 0.24  # of the picture's height: how high houses are at least, in the mean
LEAST = 0.01  # share of the picture below which a region is no region
ISLAND = 0.15  # of a region's largest part, below which another part goes to the neighbours


def draw_surfaces(
    field: StuffField, text: TextEncoder, names: Sequence[str], height: int, width: int, seed: int, tries: int = 8
) -> Scene:
    """A scene of the named stuff, back to front; of ``tries`` arrangements the first that shows all of it, upright
    and with ENOUGH ground, else the one that comes nearest.

    names: such as ("sky", "tree", "grass"); a single one fills the picture. The layers are amodal: each goes on
    behind those in front of it, and stacked they leave no pixel unlabeled.
    """
    scene = Scene.empty(height, width)
    names = list(dict.fromkeys(names))
    if not names:
        return scene
    if len(names) == 1:
        return scene.insert(np.ones((height, width), bool), names[0], thing=False)
    vectors = np.stack([text.encode(name) for name in names])
    best, most = None, -1.0
    for attempt in range(tries):
        logits = kerbed(field.draw(vectors, height, width, seed * 1009 + attempt), names)
        shares = np.bincount(logits.argmax(0).ravel(), minlength=len(names)) / logits[0].size
        quality = upright(logits.argmax(0), names) + float((shares >= 2 * LEAST).sum())
        ground = [share for share, name in zip(shares, names, strict=True) if name in GROUND]
        quality += min(sum(ground) / ENOUGH, 1.0) if ground else 1.0
        if quality > most:
            best, most = logits, quality
        if quality >= len(names) + 1.95:
            break
    return layers_of(best, names, height, width)  # type: ignore[arg-type]


def kerbed(logits: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Logits in which the road lies nearer than the pavement, as seen from the street: else the two change places."""
    if "road" not in names or "pavement" not in names:
        return logits
    road, pavement = names.index("road"), names.index("pavement")
    seen = logits.argmax(0)
    if _lower_edge(seen == road) >= _lower_edge(seen == pavement):
        return logits
    swapped = logits.copy()
    swapped[[road, pavement]] = logits[[pavement, road]]
    return swapped


def upright(labels: np.ndarray, names: Sequence[str]) -> float:
    """Share in [0, 1] of the picture that agrees with gravity: no ground above sky or ceiling in a column."""
    ground = np.isin(labels, [i for i, name in enumerate(names) if name in GROUND])
    high = np.isin(labels, [i for i, name in enumerate(names) if name in ("sky", "ceiling")])
    below = np.maximum.accumulate(ground, axis=0)  # ground at or above this point
    return 1 - float((below & high).mean()) - (0.0 if not ground.any() else float((~ground[-1]).mean()) * 0.5)


def layers_of(logits: np.ndarray, names: Sequence[str], height: int, width: int) -> Scene:
    """Layers of (K, h, w) logits: of the first k, layer k is where it beats the others that stand behind it.

    So what is seen is the highest logit of all. The ground competes with every layer, as nothing goes on under it.
    """
    fields = np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in logits])
    fields = np.stack([cv2.GaussianBlur(one, (0, 0), max(height, width) / 250) for one in fields])
    fields = without_islands(straightened(without_islands(fields, names), names), names)
    seen = fields.argmax(0)
    present = [i for i in range(len(names)) if (seen == i).mean() >= LEAST]
    present = present or [int(np.bincount(seen.ravel()).argmax())]
    seen = np.array(present)[fields[present].argmax(0)]
    ground = [i for i in present if names[i] in GROUND]
    order = sorted(present, key=lambda i: (i in ground, _lower_edge(seen == i)))
    scene = Scene.empty(height, width)
    for place, index in enumerate(order):
        rivals = order[: place + 1] + [i for i in ground if i not in order[: place + 1]]
        mask = fields[index] >= fields[rivals].max(0)
        scene = scene.insert(mask, names[index], thing=False)
    return scene


def _lower_edge(mask: np.ndarray) -> float:
    """Where a region mostly ends, as a row: the 90 % quantile of its rows."""
    rows = np.flatnonzero(mask.any(axis=1))
    return float(np.quantile(np.nonzero(mask)[0], 0.9)) if rows.size else 0.0


def without_islands(fields: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """``(K, H, W)`` logits in which small parts of a region, and parts inside one other region, have lost to it."""
    fields = fields.copy()
    seen = fields.argmax(0)
    for index in range(len(fields)):
        parts = components(seen == index)
        for place, part in enumerate(parts):
            enclosed = names[index] not in BOXES and place > 0 and _neighbours(part, seen) == 1
            if enclosed or (place > 0 and part.sum() < ISLAND * parts[0].sum()):
                fields[index][part] = fields.min() - 1
    return fields


def _neighbours(part: np.ndarray, seen: np.ndarray) -> int:
    """How many regions, the picture's border counted as one, surround a part."""
    ring = cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~part
    at_border = part[0].any() or part[:, 0].any() or part[:, -1].any() or part[-1].any()
    return len(np.unique(seen[ring])) + int(at_border)


def straightened(fields: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """``(K, H, W)`` logits in which what people build has straight edges: floors, roads, houses, windows, cabinets.

    So has the sea, whose far edge is level.
    """
    fields = fields.copy()
    rows = np.indices(fields.shape[1:])[0]
    floor_line = None
    first = fields.argmax(0)
    # from the far ones to the near ones, as each takes all that is below its edge
    order = sorted(range(len(names)), key=lambda index: _lower_edge(first == index))
    for index in order:
        name, seen = names[index], first == index
        if name not in BUILT or not seen.any():
            continue
        high = name == "ceiling"
        columns = np.flatnonzero(seen.any(axis=0))
        edge = seen.shape[0] - 1 - seen[::-1].argmax(axis=0) if high else seen.argmax(axis=0)
        line = _bent_line(columns, edge[columns], seen.shape[1])
        if name == "sea":
            line = np.full(seen.shape[1], float(np.quantile(edge[columns], 0.1)))
        inside = rows < line if high else rows >= line
        if name == "sea":  # the beach before it keeps its own edge
            inside &= ~np.isin(fields.argmax(0), [i for i, other in enumerate(names) if other in GROUND and i != index])
        if name.startswith("floor"):
            floor_line = line
        fields[index] = np.where(inside, fields.max() + 1e-3, np.where(seen, fields.min() - 1, fields[index]))
    for index, name in enumerate(names):
        if name in BOXES:
            fields[index] = _boxed(fields, index, floor_line if name != "window" else None)
        elif name == "building":
            houses = _houses(fields.argmax(0), index, [i for i, other in enumerate(names) if other in GROUND])
            if "sky" in names:  # takes what the houses give up
                lost = (fields.argmax(0) == index) & ~houses
                fields[names.index("sky")][lost] = fields.max() + 1e-3
            fields[index] = np.where(houses, fields.max() + 2e-3, fields.min() - 1)
    return fields


def _houses(labels: np.ndarray, index: int, ground: Sequence[int]) -> np.ndarray:
    """``(H, W)`` bool: a region as upright blocks with flat roofs on the ground, high where it was high."""
    seen = labels == index
    houses = np.zeros(seen.shape, bool)
    columns = np.flatnonzero(seen.any(axis=0))
    if not columns.size:
        return houses
    high = seen.sum(axis=0)
    scale = max(1.0, STORY * seen.shape[0] / high[columns].mean())
    count = max(round(BLOCKS * (columns[-1] + 1 - columns[0]) / seen.shape[1]), 1)
    edges = np.linspace(columns[0], columns[-1] + 1, count + 1).astype(int)
    for number, (left, right) in enumerate(pairwise(edges)):
        rows = np.flatnonzero(seen[:, left:right].any(axis=1))
        if rows.size:  # neighbours differ in height
            tall = scale * high[left:right].mean() * (0.8 + 0.4 * (number * 0.618 % 1))
            houses[max(int(rows[-1] + 1 - tall), 0) : rows[-1] + 1, left:right] = True
    return houses & ~np.isin(labels, ground)


def _bent_line(x: np.ndarray, y: np.ndarray, width: int) -> np.ndarray:
    """``(width,)`` the line with at most one bend that is nearest, in absolute distance, to points (x, y)."""
    best, least = np.full(width, float(np.median(y))), np.inf
    across = np.arange(width)
    for bend in (None, 0.15, 0.25, 0.75, 0.85):
        columns = [np.ones(width), across / width]
        if bend is not None:
            columns.append(np.maximum(0, across / width - bend) if bend > 0.5 else np.maximum(0, bend - across / width))
        design = np.stack(columns, axis=1)
        weights, *_ = np.linalg.lstsq(design[x], y.astype(float), rcond=None)
        line = design @ weights
        cost = float(np.abs(line[x] - y).mean()) + (0.0 if bend is None else 0.01 * width)
        if cost < least:
            best, least = line, cost
    return best


def _boxed(fields: np.ndarray, index: int, floor_line: np.ndarray | None) -> np.ndarray:
    """A layer's logits with each of its parts made an upright box; with a floor line, standing on the floor."""
    logits = fields[index].copy()
    seen = fields.argmax(0) == index
    if not seen.any():
        return logits
    logits[seen] = fields.min() - 1
    for part in components(seen, max(1, int(LEAST * seen.size))):
        ys, xs = np.nonzero(part)
        x0, x1 = np.quantile(xs, [0.04, 0.96])
        y0, y1 = np.quantile(ys, [0.06, 0.94])
        x0, x1 = (0 if part[:, 0].any() else x0), (part.shape[1] if part[:, -1].any() else x1)
        box = np.zeros(part.shape, bool)
        box[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] = True
        if floor_line is not None:
            rows = np.indices(part.shape)[0]
            box[int(y0) :, int(x0) : int(x1) + 1] = True
            box &= rows < floor_line + 0.02 * part.shape[0]
        logits[box] = fields.max() + 2e-3
    return logits
