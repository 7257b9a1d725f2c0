"""Samples of the chooser's training: real objects with the maps round their boxes, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import object_flags
from smartmask.geometry import BoxXYXY, box_cells
from smartmask.masks.exemplar.choose import FAR, FAR_CELLS, box_geometry, growth, map_of
from smartmask.masks.exemplar.memory import CELLS
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

LEFT_OUT = ("shapes", "lalonde_efros", "idd_lite", "camvid", "facades")  # one region, class maps of crowds, windows
LEAST_AREA, LEAST_SIDE = 400, 24  # pixels of an object worth telling apart


@dataclass(frozen=True, eq=False)
class Samples:
    """n objects. maps, far: (n, S, S) int16 indices into ``names``, -1 unlabeled, -2 outside. things, far_things: bool.
    cells: (n, C, C) uint8, the outline in its box. boxes: (n, 4). grow: (n,) pixels hidden round each. geometry,
    geometry_mirrored: (n, GEOMETRY). aspects: (n,) log. told: (n,) index into ``names``. group: (n,) int, objects
    that may be told from each other. captions: (n, 2) first and last row of ``contexts``. split: (n,) str.
    whole: (n,) bool. found: (n, 2) scene of the pack and layer.
    """

    maps: np.ndarray
    far: np.ndarray
    things: np.ndarray
    far_things: np.ndarray
    cells: np.ndarray
    boxes: np.ndarray
    grow: np.ndarray
    geometry: np.ndarray
    geometry_mirrored: np.ndarray
    aspects: np.ndarray
    told: np.ndarray
    group: np.ndarray
    captions: np.ndarray
    split: np.ndarray
    whole: np.ndarray
    found: np.ndarray
    names: np.ndarray
    contexts: np.ndarray

    def of_split(self, split: str) -> np.ndarray:
        """Indices of a split."""
        return np.flatnonzero(self.split == split)


def gather(pack: Pack, text: TextEncoder, splits: Sequence[str] = ("train", "dev")) -> Samples:
    """Every thing of the pack's layouts that is large enough, of some splits."""
    names: dict[str, int] = {}
    groups: dict[tuple[str, str, bool, bool], int] = {}
    contexts: list[np.ndarray] = []
    rows: dict[str, list] = {field.name: [] for field in fields(Samples) if field.name not in ("names", "contexts")}
    for position, kept in _objects(pack, splits):
        scene, meta = pack[position].scene, pack.meta
        first = len(contexts)
        contexts += [text.encode_context(caption) for caption in meta.captions[position]]
        for layer in kept:
            flags = object_flags(scene, layer)
            box: BoxXYXY = tuple(float(v) for v in meta.boxes[position][layer])  # type: ignore[assignment]
            name = text.understand(meta.layer_names[position][layer]).name
            key = meta.sources[position].split("_")[0], name, "touching" in flags, "cut" in flags
            _add_maps(rows, scene, layer, box, names)
            rows["told"].append(names.setdefault(name, len(names)))
            rows["group"].append(groups.setdefault(key, len(groups)))
            rows["captions"].append((first, len(contexts)))
            rows["split"].append(meta.splits[position])
            rows["whole"].append(not flags)
            rows["found"].append((position, layer))
    vectors = np.stack([text.encode(name) for name in names])
    table = np.stack([*contexts, np.zeros(vectors.shape[1], np.float32)])
    return Samples(**{key: np.array(value) for key, value in rows.items()}, names=vectors, contexts=table)


def _objects(pack: Pack, splits: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    meta = pack.meta
    for position in range(len(pack)):
        if meta.sources[position] in LEFT_OUT or meta.splits[position] not in splits:
            continue
        boxes = meta.boxes[position]
        sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        large = (meta.visible_areas[position] >= LEAST_AREA) & (sides >= LEAST_SIDE)
        kept = [i for i, thing in enumerate(meta.layer_things[position]) if thing and large[i]]
        if kept:
            yield position, kept


def _add_maps(rows: dict[str, list], scene: Scene, layer: int, box: BoxXYXY, names: dict[str, int]) -> None:
    there = scene.remove(layer)
    index = np.array([*(names.setdefault(other.name, len(names)) for other in there.layers), 0], np.int16)
    things = np.array([*(other.thing for other in there.layers), False])
    for key, thing_key, seen in (
        ("maps", "things", map_of(there, box)), ("far", "far_things", map_of(there, box, FAR, FAR_CELLS)),
    ):  # fmt: skip
        at = np.maximum(seen, -1)
        rows[key].append(np.where(seen < 0, seen, index[at]).astype(np.int16))
        rows[thing_key].append(things[at] & (seen >= 0))
    width = float(scene.width)
    photo = (0.0, 0.0, width, float(scene.height))
    rows["cells"].append(box_cells(scene.layers[layer].mask, box, CELLS).astype(np.uint8))
    rows["boxes"].append(box)
    rows["grow"].append(growth(box))
    rows["geometry"].append(box_geometry(box, photo))
    rows["geometry_mirrored"].append(box_geometry((width - box[2], box[1], width - box[0], box[3]), photo))
    rows["aspects"].append(np.float32(np.log((box[2] - box[0]) / (box[3] - box[1]))))
