"""What realism is measured on: whole outlines kept apart, and one random suggestion for a box of each one's aspect.

A real outline brings name, aspect and, where its picture is packed, its own scene with everything in the box hidden;
the others are asked for on an empty canvas. Real outlines are drawn so that each set has in each name the share that
it has in the memory, else a classifier would learn to tell sets. Every outline, real or not, goes through the same
resampling: into its own box at 64 x 64, from there into a window of its aspect.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import SHAPE_SIDE, Outlines, from_box_frame, pairwise_ious, shape_key, to_box_frame
from smartmask.data.silhouettes import SIDE, Silhouettes, silhouette
from smartmask.data.targets import Protocol, Target, admitted, make_case
from smartmask.evaluate.baselines import System
from smartmask.guides import Box
from smartmask.metrics.sets import REAL
from smartmask.scene import Scene

SAME = 0.9  # IoU in the box from which two outlines count as one
SMALLEST = 48  # pixels of a real outline's longer side: the steps of smaller ones would give them away
CANVAS, PART = 384, 0.6  # side of the empty canvas in pixels, and the box's longer side as a share of it
DRAWN = 128  # pixels of the longer side at which all outlines are drawn before they are looked at


@dataclass(frozen=True, eq=False)
class Request:
    """A whole outline kept apart, and the question it makes: what could this name look like in this box?

    real: (side, side) bool in its own box.  set, image: where it comes from.  in_scene: whether its own scene is shown.
    """

    name: str
    real: np.ndarray
    aspect: float
    set: str
    image: str
    scene: Scene
    guide: Box
    in_scene: bool
    number: int


def in_shares(real: Outlines, memory: Outlines, count: int, seed: int, smallest: int = SMALLEST) -> np.ndarray:
    """Up to ``count`` indices of real outlines, drawn so that names and sets have the memory's shares.

    Each of N real ones of a name and set of which the memory holds M weighs M / N; names and sets that it does not
    hold are left out, and outlines of fewer than ``smallest`` pixels. Drawn without replacement (Efraimidis and
    Spirakis, Inf. Proc. Letters 2006) with numbers that belong to the outlines. ValueError if nothing is left.
    """
    held = Counter(zip(memory.names.tolist(), memory.sets.tolist(), strict=True))
    here = Counter(zip(real.names.tolist(), real.sets.tolist(), strict=True))
    keys = []
    for row, cell in enumerate(zip(real.names.tolist(), real.sets.tolist(), strict=True)):
        small = 0 < real.sides[row] < smallest
        if held[cell] and not small:
            chance = (_number(real, row, seed) + 0.5) / 2**40
            keys.append((round(1e9 * -np.log(chance) * here[cell] / held[cell]), row))
    if not keys:
        raise ValueError("No name and set of the outlines kept apart is in the memory; give others.")
    return np.array(sorted(row for _, row in sorted(keys)[:count]))


def _number(outlines: Outlines, row: int, seed: int) -> int:
    """A pseudo-random number under 2^40 of an outline: its picture, name and shape, whatever else is in the table."""
    code = f"{seed}:{outlines.sets[row]}/{outlines.keys[row]}/{outlines.names[row]}:".encode()
    return int.from_bytes(hashlib.sha1(code + outlines.packed[row].tobytes()).digest()[:5], "big")


def requests(pack: Pack, protocol: Protocol, real: Outlines, rows: Sequence[int]) -> Iterator[Request]:
    """The questions of some real outlines, in their own scenes where the pack has them."""
    known: dict[tuple[str, str], list[Target]] = {}
    for target in admitted(pack, protocol, protocol.split):
        known.setdefault((target.key, shape_key(target.name)), []).append(target)
    for row in rows:
        key, name = str(real.keys[row]), str(real.names[row])
        shape, number = real.shape(row), _number(real, row, protocol.seed)
        made = _in_scene(pack, protocol, known.get((key, name), []), shape)
        scene, guide = made or (Scene.empty(CANVAS, CANVAS), _middle_box(float(real.aspects[row])))
        aspect = (guide.x1 - guide.x0) / (guide.y1 - guide.y0)
        yield Request(name, shape, aspect, str(real.sets[row]), key, scene, guide, made is not None, number)


def _in_scene(pack: Pack, protocol: Protocol, targets: Iterable[Target], shape: np.ndarray) -> tuple[Scene, Box] | None:
    """The hidden scene and box of the packed object that an outline is of; None if the pack has none."""
    for target in targets:
        record = pack[target.record]
        seen = to_box_frame(record.scene.layers[target.layer].mask)
        if pairwise_ious(seen[None], shape[None])[0, 0] >= SAME:
            case = make_case(record, target, "box", protocol)
            assert isinstance(case.guide, Box)
            return case.scene, case.guide
    return None


def _middle_box(aspect: float) -> Box:
    """A box of an aspect in the middle of the canvas, on whole pixels."""
    longer = CANVAS * PART
    width = max(round(longer * min(aspect, 1.0)), 1)
    height = max(round(longer * min(1 / aspect, 1.0)), 1)
    x, y = (CANVAS - width) // 2, (CANVAS - height) // 2
    return Box(x, y, x + width, y + height)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Row i of all belongs to request i.

    pictures: {system: silhouettes}, the real ones under REAL.  shapes: {system: (N, side, side) bool} in their boxes.
    empty: {system: empty answers}, which count as empty pictures.
    """

    pictures: dict[str, Silhouettes]
    shapes: dict[str, np.ndarray]
    empty: dict[str, int]


def gather(questions: Iterable[Request], systems: Mapping[str, System], num_masks: int) -> Gathered:
    """One random answer of ``num_masks`` of every system to every request. ValueError if there is no request."""
    shapes: dict[str, list[np.ndarray]] = {REAL: [], **{name: [] for name in systems}}
    aspects, names, images = [], [], []
    for request in questions:
        shapes[REAL].append(request.real)
        aspects.append(request.aspect)
        names.append(request.name)
        images.append(request.image)
        for name, system in systems.items():
            said = system(request.scene, request.name, request.guide, num_masks, request.number)
            mask = np.asarray(said.masks[request.number % len(said.masks)], dtype=bool)
            shapes[name].append(to_box_frame(mask) if mask.any() else np.zeros((SHAPE_SIDE,) * 2, bool))
    if not names:
        raise ValueError("There is no whole outline to ask about; check the sources and the split.")
    about = np.array(names), np.array(images)
    pictures = {
        name: Silhouettes(np.stack([picture_of(s, a) for s, a in zip(some, aspects, strict=True)]), *about)
        for name, some in shapes.items()
    }
    empty = {name: int(sum(not shape.any() for shape in shapes[name])) for name in systems}
    return Gathered(pictures, {name: np.stack(some) for name, some in shapes.items()}, empty)


def picture_of(shape: np.ndarray, aspect: float) -> np.ndarray:
    """``(SIDE, SIDE)`` uint8 silhouette of a (side, side) bool shape in a box of an aspect; black for an empty one."""
    width, height = max(round(DRAWN * min(aspect, 1.0)), 1), max(round(DRAWN * min(1 / aspect, 1.0)), 1)
    mask = from_box_frame(shape, (0, 0, width, height), height, width)
    return silhouette(mask) if mask.any() else np.zeros((SIDE, SIDE), np.uint8)


def known_share(shapes: np.ndarray, memory: Outlines, batch: int = 1024) -> np.ndarray:
    """``(N,)`` bool: which of (N, side, side) shapes are within IoU SAME of a remembered outline, mirrored or not."""
    found = np.zeros(len(shapes), dtype=bool)
    for start in range(0, len(memory), batch):
        remembered = memory.shapes(np.arange(start, min(start + batch, len(memory))))
        for seen in (shapes, shapes[:, :, ::-1]):
            found |= (pairwise_ious(seen, remembered) >= SAME).any(axis=1)
    return found
