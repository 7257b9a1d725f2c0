"""Scenes as sequences of names, back to front: what the next-object planner learns from and is measured on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.categories import COCO_PANOPTIC, clean_name
from smartmask.data.pack import Pack
from smartmask.data.splits import coco_key, split_of

# How complete an annotation is; a planner is told which one is meant.
STYLES = ("panoptic", "things", "voc", "mentions")
SOURCE_STYLES = {"coco_panoptic": "panoptic", "coco_instances": "things", "voc": "voc"}
END = "<end>"
NAMES: tuple[str, ...] = tuple(dict.fromkeys(clean_name(name) for _, name, _ in COCO_PANOPTIC))
THINGS = frozenset(clean_name(name) for _, name, thing in COCO_PANOPTIC if thing)
LEAST = 0.0008  # share of the picture below which an object is left out


@dataclass(frozen=True, eq=False)
class PlanScene:
    """One picture's objects, back to front.

    names: (n,) of NAMES. boxes: (n, 4) x0, y0, x1, y1 in shares of the picture (zeros where unknown).
    style: one of STYLES. captions: sentences, maybe none. record: index in the pack, -1 without one.
    """

    key: str
    names: tuple[str, ...]
    boxes: np.ndarray
    style: str
    captions: tuple[str, ...] = ()
    record: int = -1


def plan_scenes(pack: Pack, split: str, sources: Sequence[str] = tuple(SOURCE_STYLES)) -> list[PlanScene]:
    """The scenes of a split with at least two objects of known names.

    Stuff comes first, from large to small, then things by their lower edge: what reaches lower is nearer.
    """
    meta, found = pack.meta, []
    for number in range(len(pack)):
        if meta.splits[number] != split or meta.sources[number] not in sources:
            continue
        width, height = float(meta.widths[number]), float(meta.heights[number])
        rows: list[tuple[bool, float, str, np.ndarray]] = []
        for raw, thing, area, box in zip(
            meta.layer_names[number], meta.layer_things[number], meta.areas[number], meta.boxes[number], strict=True
        ):
            name = clean_name(raw)
            if name not in NAMES or area < LEAST * width * height:
                continue
            share = box / np.array([width, height, width, height], np.float32)
            rows.append((thing, float(share[3]) if thing else -float(area), name, share))
        if len(rows) < 2:
            continue
        rows.sort(key=lambda row: row[:2])
        style = SOURCE_STYLES[meta.sources[number]]
        boxes = np.stack([row[3] for row in rows])
        names = tuple(row[2] for row in rows)
        found.append(PlanScene(meta.keys[number], names, boxes, style, tuple(meta.captions[number]), number))
    return found


def caption_scenes(path: Path, split: str, read: Any) -> list[PlanScene]:
    """Pictures known by their captions alone: the objects that any of them mentions, in no order.

    path: a COCO captions file. read(caption) -> names that it mentions. Boxes are zeros.
    """
    data = json.loads(Path(path).read_text(encoding="utf-8"))
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
