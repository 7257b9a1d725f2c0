"""Scenes as sequences of names, back to front: what the next-object planner learns from and is measured on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.splits import coco_key, split_of
from smartmask.geometry import BoxXYXY
from smartmask.io.reading import read_json
from smartmask.scene import Scene
from smartmask.scene.categories import COCO_PANOPTIC, clean_name

SOURCE_STYLES = {"coco_panoptic": "panoptic", "coco_instances": "things", "voc": "voc"}
NAMES: tuple[str, ...] = tuple(dict.fromkeys(clean_name(name) for _, name, _ in COCO_PANOPTIC))
THINGS = frozenset(clean_name(name) for _, name, thing in COCO_PANOPTIC if thing)
LEAST = 0.0008  # share of the picture below which an object is left out


@dataclass(frozen=True, eq=False)
class PlanScene:
    """One picture's objects, back to front.

    names: (n,) of NAMES. boxes: (n, 4) x0, y0, x1, y1 in shares of the picture (zeros where unknown).
    style: one of STYLES. captions: sentences, maybe none. record: index in the pack, -1 without one. layers: (n,) where
    they are in the record's scene.
    """

    key: str
    names: tuple[str, ...]
    boxes: np.ndarray
    style: str
    captions: tuple[str, ...] = ()
    record: int = -1
    layers: tuple[int, ...] = ()


def plan_scenes(pack: Pack, split: str, sources: Sequence[str] = tuple(SOURCE_STYLES)) -> list[PlanScene]:
    """The scenes of a split with at least two objects of known names.

    Stuff comes first, from large to small, then things by their lower edge: what reaches lower is nearer.
    """
    meta, found = pack.meta, []
    for number in range(len(pack)):
        if meta.splits[number] != split or meta.sources[number] not in sources:
            continue
        width, height = float(meta.widths[number]), float(meta.heights[number])
        rows: list[tuple[bool, float, str, np.ndarray, int]] = []
        described = (meta.layer_names[number], meta.layer_things[number], meta.areas[number], meta.boxes[number])
        for layer, (raw, thing, area, box) in enumerate(zip(*described, strict=True)):
            name = clean_name(raw)
            if name not in NAMES or area < LEAST * width * height:
                continue
            share = box / np.array([width, height, width, height], np.float32)
            rows.append((thing, float(share[3]) if thing else -float(area), name, share, layer))
        if len(rows) < 2:
            continue
        rows.sort(key=lambda row: row[:2])
        style = SOURCE_STYLES[meta.sources[number]]
        boxes = np.stack([row[3] for row in rows])
        names = tuple(row[2] for row in rows)
        captions, layers = tuple(meta.captions[number]), tuple(row[4] for row in rows)
        found.append(PlanScene(meta.keys[number], names, boxes, style, captions, number, layers))
    return found


def caption_scenes(path: Path, split: str, read: Any) -> list[PlanScene]:
    """Pictures known by their captions alone: the objects that any of them mentions, in no order.

    path: a COCO captions file. read(caption) -> names that it mentions. Boxes are zeros.
    """
    data = read_json(path, "captions", dataset=True)
    captions: dict[str, list[str]] = {}
    for row in data["annotations"]:
        captions.setdefault(coco_key(row["image_id"]), []).append(str(row["caption"]))
    found = []
    for key, texts in sorted(captions.items()):
        if split_of(key) != split:
            continue
        names = tuple(dict.fromkeys(name for text in texts for name in read(text) if name in NAMES))
        if len(names) >= 2:
            found.append(PlanScene(key, names, np.zeros((len(names), 4), np.float32), "mentions", tuple(texts)))
    return found


INDEX = {name: i for i, name in enumerate(NAMES)}
STOP = len(NAMES)  # index of "the scene is complete"
SURE = 0.7  # share of two boxes' common ground that a thing must hold to count as in front
OVERLAP = 0.05  # share of the smaller box from which two boxes count as overlapping
Pairs = list[tuple[str, str]]  # (in front, behind)


def depth_pairs(pack: Pack, scenes: Sequence[PlanScene]) -> Pairs:
    """``(name in front, name behind)`` of all pairs of things whose depth the scenes' masks give away."""
    pairs: Pairs = []
    for one in scenes:
        if one.record < 0 or sum(name in THINGS for name in one.names) < 2 or len(set(one.names)) < 2:
            continue
        scene = pack.scene(one.record)
        boxes: list[BoxXYXY | None] = [
            (float(b[0]), float(b[1]), float(b[2]), float(b[3])) for b in pack.meta.boxes[one.record]
        ]
        for front, back in ordered_pairs(scene, boxes):
            names = scene.layers[front].name, scene.layers[back].name
            if names[0] != names[1]:
                pairs.append(names)
    return pairs


def ordered_pairs(scene: Scene, boxes: Sequence[BoxXYXY | None]) -> list[tuple[int, int]]:
    """``(front, back)`` layer indices of things whose depth the annotation gives away.

    Of two overlapping boxes, the thing that holds at least SURE of what both hold of their common
    ground is in front. In amodal scenes, where masks overlap, the layers' own order tells.
    """
    things = [i for i, layer in enumerate(scene.layers) if layer.thing and boxes[i] is not None]
    pairs: list[tuple[int, int]] = []
    for position, i in enumerate(things):
        for j in things[position + 1 :]:
            a, b = boxes[i], boxes[j]
            if a is None or b is None or not _overlap(a, b):
                continue
            x0, y0 = math.floor(max(a[0], b[0])), math.floor(max(a[1], b[1]))
            common = np.s_[y0 : math.ceil(min(a[3], b[3])), x0 : math.ceil(min(a[2], b[2]))]
            first, second = scene.layers[i].mask[common], scene.layers[j].mask[common]
            if (first & second).sum() > 20:
                pairs.append((j, i))
                continue
            held, other = int(first.sum()), int(second.sum())
            if held + other < 20:
                continue
            share = held / (held + other)
            if share >= SURE:
                pairs.append((i, j))
            elif share <= 1 - SURE:
                pairs.append((j, i))
    return pairs


def _overlap(a: BoxXYXY, b: BoxXYXY) -> bool:
    """Whether two boxes share at least OVERLAP of the smaller one."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return w > 0 and h > 0 and w * h >= OVERLAP * max(smaller, 1e-9)
