"""Which objects of a pack are worth training on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smartmask.data.pack import Pack

SOURCES = ("voc", "coco_panoptic", "coco_instances", "cocoa", "pennfudan", "lalonde_efros", "shapes")


@dataclass(frozen=True)
class Target:
    """One layer worth drawing: its scene's number in the pack, its index there, its name."""

    scene: int
    layer: int
    name: str


def find_targets(pack: Pack, split: str, sources: Sequence[str] = SOURCES) -> list[Target]:
    """All things of one split large enough to have a shape, from the pack's columns alone."""
    meta = pack.meta
    targets = []
    for number in range(len(pack)):
        if meta.splits[number] != split or meta.sources[number] not in sources:
            continue
        pixels = meta.heights[number] * meta.widths[number]
        for layer, (name, thing) in enumerate(zip(meta.layer_names[number], meta.layer_things[number], strict=True)):
            box = meta.boxes[number][layer]
            if not thing or box is None or meta.areas[number][layer] < 0.003 * pixels:
                continue
            if max(box[2] - box[0], box[3] - box[1]) >= 14:
                targets.append(Target(number, layer, name))
    return targets
