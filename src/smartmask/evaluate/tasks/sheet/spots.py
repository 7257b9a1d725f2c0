"""A contact sheet of first suggestions: names fixed by a seed, sensible boxes in real test scenes.

A name's box is the exact box of a real object of that name, everything in it hidden; whole objects in scenes with
labelled ground come first. A name without such an object gets a box of its outlines' usual aspect on the ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import Outlines, shape_key
from smartmask.data.targets import Protocol, Target, admitted, hidden_pixels, hide, make_case, object_flags
from smartmask.evaluate.blind import hashed
from smartmask.evaluate.tasks.sense import rests
from smartmask.export.overlays import overlay
from smartmask.export.pictures import scene_colours
from smartmask.geometry import box_mask
from smartmask.guides import Box
from smartmask.image.sheets import contact_sheet, rank_colour
from smartmask.scene import Scene

POOL = (
    "dog", "cat", "horse", "cow", "sheep", "bird", "elephant", "bear", "person", "bicycle", "motorcycle", "car", "bus",
    "truck", "train", "airplane", "boat", "chair", "couch", "bed", "bottle", "cup", "potted plant", "tv",
)  # fmt: skip
SOURCES = ("coco_panoptic", "coco_instances", "voc")  # scenes with labelled ground first
SHOWN = 4  # suggestions of a name on the page, best first
USUAL = 0.8  # share of a name's outlines whose aspects are usual
HEIGHT, FEET = 0.45, 0.9  # of the scene: height of a box without an example, and where it stands
TILE = 176


@dataclass(frozen=True, eq=False)
class Spot:
    """A name with a scene and a box for it. real: whether a real object of the name stood there."""

    name: str
    scene: Scene
    guide: Box
    where: str
    real: bool
    seed: int


@dataclass(frozen=True, eq=False)
class Shown:
    """The suggestions for a spot, best first: masks, visible: (n, H, W) bool."""

    spot: Spot
    masks: np.ndarray
    visible: np.ndarray


def names_of_seed(seed: int, count: int, pool: Sequence[str] = POOL) -> list[str]:
    """``count`` names of the pool, by a hash of the seed and the name. ValueError if it has fewer."""
    if not 1 <= count <= len(pool):
        raise ValueError(f"The sheet shows {count} names; it must be 1 to {len(pool)}, or name them.")
    return sorted(pool, key=lambda name: hashed(seed, name))[:count]


def find_spots(
    pack: Pack, names: Iterable[str], seed: int, outlines: Outlines, split: str = "test", min_area: float = 0.03
) -> list[Spot]:
    """A scene and a box for every name, by the seed. outlines: tell which aspects are usual for a name.

    Raises ValueError for a name of which there is neither an example nor an outline.
    """
    protocol = Protocol(split=split, sources=SOURCES, limit=None, min_area=min_area, seed=seed)
    by_name: dict[str, list[Target]] = {}
    for target in admitted(pack, protocol, split):
        by_name.setdefault(shape_key(target.name), []).append(target)
    return [
        _example(pack, name, by_name.get(shape_key(name), []), protocol, outlines)
        or _on_the_ground(pack, name, protocol, outlines)
        for name in names
    ]


def _example(pack: Pack, name: str, targets: Iterable[Target], protocol: Protocol, outlines: Outlines) -> Spot | None:
    """The spot of a real object that no border cuts: of a usual aspect first, then whole, by SOURCES, by hash."""
    ranked = []
    for target in targets:
        flags = object_flags(pack.scene(target.record), target.layer)
        if "cut" not in flags and "parts" not in flags:
            aspect = (target.box[2] - target.box[0]) / (target.box[3] - target.box[1])
            odd = not _usual(aspect, name, outlines)
            source = SOURCES.index(target.source)
            ranked.append((odd, len(flags), source, target.number(protocol.seed), target.code, target))
    if not ranked:
        return None
    target = min(ranked, key=lambda entry: entry[:5])[-1]
    case = make_case(pack[target.record], target, "box", protocol)
    assert isinstance(case.guide, Box)
    return Spot(name, case.scene, case.guide, f"{target.source} {target.key}", True, target.number(protocol.seed))


def _usual(aspect: float, name: str, outlines: Outlines) -> bool:
    """Whether an aspect lies among the middle USUAL of a name's outlines; so it does for a name without."""
    if not outlines.knows(name):
        return True
    low, high = np.quantile(outlines.aspects[outlines.members(name)], [(1 - USUAL) / 2, (1 + USUAL) / 2])
    return bool(low <= aspect <= high)


def _on_the_ground(pack: Pack, name: str, protocol: Protocol, outlines: Outlines) -> Spot:
    """A box of the outlines' median aspect that stands on something in a scene with labelled ground."""
    if not outlines.knows(name):
        raise ValueError(f"There is no test object and no outline named '{name}'; give another name.")
    aspect = float(np.median(outlines.aspects[outlines.members(name)]))
    meta = pack.meta
    scenes = [i for i, s in enumerate(meta.sources) if s == SOURCES[0] and meta.splits[i] == protocol.split]
    for number in sorted(scenes, key=lambda i: (hashed(protocol.seed, f"{name}/{meta.keys[i]}"), meta.keys[i])):
        scene = pack.scene(number)
        guide = _standing_box(scene, aspect)
        region = box_mask(guide.extent(scene.height, scene.width), scene.height, scene.width)
        if rests(scene, region):
            seen = hide(scene, hidden_pixels(region, "box", np.random.default_rng(0), protocol))
            seed = hashed(protocol.seed, f"{name}:{meta.keys[number]}")
            return Spot(name, seen, guide, f"{SOURCES[0]} {meta.keys[number]}", False, seed)
    raise ValueError(f"{pack.path} has no scene of {SOURCES[0]} with ground for '{name}'; pack more of COCO.")


def _standing_box(scene: Scene, aspect: float) -> Box:
    height = min(HEIGHT * scene.height, 0.8 * scene.width / aspect)
    width, foot = max(round(height * aspect), 2), round(FEET * scene.height)
    left = round((scene.width - width) / 2)
    return Box(left, foot - max(round(height), 2), left + width, foot)


def suggest(pipe: Any, spots: Iterable[Spot], num_masks: int) -> list[Shown]:
    """The pipeline's suggestions for every spot, best first."""
    shown = []
    for spot in spots:
        out = pipe(spot.scene, spot.name, guidance=spot.guide, num_masks=num_masks, generator=spot.seed)
        shown.append(Shown(spot, np.asarray(out.masks, dtype=bool), np.asarray(out.visible, dtype=bool)))
    return shown


def sheet_picture(shown: Sequence[Shown], count: int = SHOWN) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB page: a row a name, its first suggestions in the layout, the box drawn."""
    tiles, captions = [], []
    for item in shown:
        colours = scene_colours(item.spot.scene)
        for rank in range(min(count, len(item.masks))):
            guides = [item.spot.guide]
            tiles.append(overlay(colours, item.masks[rank], item.visible[rank], guides, rank_colour(rank), TILE))
            captions.append(f"{item.spot.name} {rank + 1}\n{item.spot.where if rank == 0 else ''}")
    return contact_sheet(tiles, captions, columns=2 * count, tile=TILE)
