"""What is in a data set: counts, sizes, splits, names, and a contact sheet of scenes drawn at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from smartmask.data.record import Record
from smartmask.data.splits import SPLITS, split_of
from smartmask.export.pictures import scene_colours
from smartmask.image.sheets import contact_sheet
from smartmask.scene.categories import clean_name

_SHEET_SIDE = 512  # scenes on the sheet are drawn at most this large before they are fitted into tiles


@dataclass
class Summary:
    """Counts over records.

    things, stuff: layers by name.  splits: scenes by split.  sizes: (width, height) -> scenes.
    shares: of each thing, its area over the picture's.  skipped: one sentence for each picture left out.
    """

    scenes: int = 0
    empty: int = 0
    modal: int = 0
    captioned: int = 0
    captions: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    things: Counter[str] = field(default_factory=Counter)
    stuff: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    layers: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Count one record."""
        scene = record.scene
        self.scenes += 1
        self.empty += not scene.layers
        self.modal += record.modal
        self.captioned += bool(record.captions)
        self.captions += len(record.captions)
        self.sources[record.source] += 1
        self.splits[split_of(record.key)] += 1
        self.sizes[scene.width, scene.height] += 1
        self.layers.append(len(scene.layers))
        for layer in scene.layers:
            if layer.thing:
                self.things[layer.name] += 1
                self.shares.append(float(layer.mask.mean()))
            else:
                self.stuff[layer.name] += 1

    def to_json(self, top: int = 20) -> dict[str, Any]:
        """All counts as plain JSON values; names by count, the first ``top`` of each kind."""
        widths, heights = [w for w, _ in self.sizes], [h for _, h in self.sizes]
        return {
            "scenes": self.scenes,
            "empty_scenes": self.empty,
            "modal_scenes": self.modal,
            "amodal_scenes": self.scenes - self.modal,
            "captioned_scenes": self.captioned,
            "captions": self.captions,
            "sources": dict(self.sources),
            "splits": {split: self.splits[split] for split in SPLITS},
            "objects": sum(self.things.values()),
            "stuff_regions": sum(self.stuff.values()),
            "layers_per_scene": _spread(self.layers),
            "object_share_of_picture": _spread(self.shares),
            "smallest_width_height": [min(widths, default=0), min(heights, default=0)],
            "largest_width_height": [max(widths, default=0), max(heights, default=0)],
            "thing_names": len(self.things),
            "stuff_names": len(self.stuff),
            "top_things": dict(self.things.most_common(top)),
            "top_stuff": dict(self.stuff.most_common(top)),
            "skipped": len(self.skipped),
            "skipped_because": self.skipped,
        }


def _spread(values: list[Any]) -> dict[str, float]:
    """Smallest, middle and largest value; empty for no values."""
    if not values:
        return {}
    return {"min": round(min(values), 5), "median": round(median(values), 5), "max": round(max(values), 5)}


def summarise(records: Iterable[Record], sample: int = 0, seed: int = 0) -> tuple[Summary, list[Record]]:
    """Count all records in one pass, and keep ``sample`` of them drawn at random, in their own order.

    The draw depends on ``seed`` and the number of records only. Kept records hold their masks in memory.
    """
    summary, draw = Summary(), random.Random(seed)
    kept: list[tuple[int, Record]] = []
    for index, record in enumerate(records):
        summary.add(record)
        if len(kept) < sample:
            kept.append((index, record))
        else:  # reservoir sampling: each record stays with the same chance
            place = draw.randrange(index + 1)
            if place < sample:
                kept[place] = (index, record)
    return summary, [record for _, record in sorted(kept, key=lambda item: item[0])]


def sheet(records: list[Record], columns: int = 6, tile: int = 192) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB contact sheet of layouts, each with its name, size, split and object names."""
    tiles, captions = [], []
    for record in records:
        scene = record.scene
        factor = max(1, max(scene.height, scene.width) // _SHEET_SIDE)
        tiles.append(scene_colours(scene)[::factor, ::factor])
        counts = Counter(clean_name(layer.name) for layer in scene.layers)
        names = ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.most_common())
        title = f"{record.source} {record.name or record.key}"
        captions.append(f"{title}\n{scene.width}x{scene.height} {split_of(record.key)}\n{names or 'nothing'}")
    return contact_sheet(tiles, captions, columns, tile)
