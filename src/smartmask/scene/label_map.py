"""Label maps and panoptic maps in and out of layers.

Maps are read as runs of equal pixels, a band of rows at a time: neither a copy of the map nor a comparison with all of
it for each id is ever made, and how much the layers will take is known before they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from smartmask.geometry import IntBox, MaskWindow, components
from smartmask.io.checks import check_layers, check_windows
from smartmask.scene.categories import COCO_PANOPTIC, is_thing
from smartmask.scene.layer import Layer

UNLABELED_IDS = (0, 255)  # nameless by convention in most label maps
_BAND = 1 << 20  # pixels looked at together


class Region(NamedTuple):
    """All pixels of one id: how many, and their tight box."""

    area: int
    box: IntBox


def regions_of(labels: np.ndarray) -> dict[int, Region]:
    """{id: Region} of a ``(H, W)`` integer map, by id."""
    height, width = labels.shape
    step = max(1, _BAND // max(width, 1))
    found: dict[int, Region] = {}
    for top in range(0, height, step):
        for region, new in _regions_in(labels[top : top + step], top):
            former = found.get(region)
            found[region] = new if former is None else _joined(former, new)
    return dict(sorted(found.items()))


def _regions_in(band: np.ndarray, top: int) -> Iterable[tuple[int, Region]]:
    """The regions of a few rows, of which the first is row ``top``."""
    starts = np.ones(band.shape, dtype=bool)
    np.not_equal(band[:, 1:], band[:, :-1], out=starts[:, 1:])
    rows, first = np.nonzero(starts)
    ids, which = np.unique(band[rows, first], return_inverse=True)
    lengths = np.diff(rows * band.shape[1] + first, append=band.size)
    areas = np.zeros(len(ids), np.int64)
    np.add.at(areas, which, lengths)
    x0, x1 = np.full(len(ids), band.shape[1]), np.zeros(len(ids), np.int64)
    y0, y1 = np.full(len(ids), band.shape[0]), np.zeros(len(ids), np.int64)
    np.minimum.at(x0, which, first)
    np.maximum.at(x1, which, first + lengths)
    np.minimum.at(y0, which, rows)
    np.maximum.at(y1, which, rows + 1)
    boxes = zip(x0.tolist(), (y0 + top).tolist(), x1.tolist(), (y1 + top).tolist(), strict=True)
    return ((i, Region(area, box)) for i, area, box in zip(ids.tolist(), areas.tolist(), boxes, strict=True))


def _joined(a: Region, b: Region) -> Region:
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = a.box, b.box
    return Region(a.area + b.area, (min(ax0, bx0), min(ay0, by0), max(ax1, bx1), max(ay1, by1)))


def layers_of_labels(
    labels: np.ndarray,
    names: Mapping[int, str],
    things: Collection[int | str] | None,
    split_instances: bool,
    min_area: int,
) -> tuple[Layer, ...]:
    """The layers of ``Scene.from_label_map``, whose arguments and errors these are."""
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"A label map is a (height, width) array of integers, not shape {labels.shape} of {labels.dtype}."
        )
    if not isinstance(names, Mapping):
        raise ValueError(f"The names are a {type(names).__name__}; give a mapping from id to name, {{1: 'dog'}}.")
    names = {int(k): str(v) for k, v in names.items()}
    regions = regions_of(labels)
    unnamed = [region for region in regions if region not in names and region not in UNLABELED_IDS]
    if unnamed:
        raise ValueError(
            f"The label map has ids without a name: {_some(unnamed)}; add them to the names (0 and 255 may stay)."
        )
    regions = {region: found for region, found in regions.items() if region in names}
    check_layers(len(regions), "The label map")
    check_windows((box for _, box in regions.values()), "The label map")
    found: list[tuple[bool, int, Layer]] = []
    for region, (area, box) in regions.items():
        name = names[region]
        thing = is_thing(name) if things is None else (region in things or name in things)
        if split_instances and thing:
            parts = _parts(labels, region, box, min_area)
            found += [(True, part.area, Layer(name, part, True)) for part in parts]
            check_layers(len(found), "The label map, split into instances,")
        else:
            x0, y0, x1, y1 = box
            window = MaskWindow.within(labels.shape, x0, y0, labels[y0:y1, x0:x1] == region)
            found.append((thing, area, Layer(name, window, thing)))
    found.sort(key=lambda item: (item[0], -item[1]))
    return tuple(layer for _, _, layer in found)


def _parts(labels: np.ndarray, region: int, box: IntBox, min_area: int) -> list[MaskWindow]:
    """The separate parts of a region with at least ``min_area`` pixels, largest first."""
    x0, y0, x1, y1 = box
    x0, y0 = x0 - x0 % 2, y0 - y0 % 2  # labels of equal parts are counted in blocks of two by two
    parts = components(labels[y0:y1, x0:x1] == region, min_area)
    return [MaskWindow.within(labels.shape, x0, y0, part) for part in parts]


def panoptic_ids(pixels: np.ndarray) -> np.ndarray:
    """``(H, W)`` int32 segment ids, R + 256 G + 65536 B, of the ``(H, W, 3)`` uint8 pixels of COCO's PNG."""
    ids = pixels[..., 2].astype(np.int32)
    for channel in (1, 0):
        ids <<= 8
        ids |= pixels[..., channel]
    return ids


def read_segments(
    ids: np.ndarray, segments: Sequence[Mapping[str, Any]], categories: Iterable[Mapping[str, Any]] | None
) -> tuple[dict[int, str], set[int]]:
    """``({id: name}, ids of things)`` of a panoptic map's segments; arguments and errors of ``Scene.from_panoptic``."""
    if categories is None:
        table = {i: (name, thing) for i, name, thing in COCO_PANOPTIC}
    else:
        table = {_key(c, "id", "category"): (str(c.get("name", "")), bool(c.get("isthing", 1))) for c in categories}
    names: dict[int, str] = {}
    things: set[int] = set()
    for segment in segments:
        segment_id, category = _key(segment, "id", "segment"), _key(segment, "category_id", "segment")
        if category not in table:
            raise ValueError(f"Segment {segment_id} has category {category}, which the categories do not list.")
        names[segment_id], thing = table[category]
        if thing:
            things.add(segment_id)
    unknown = [region for region in regions_of(ids) if region not in names and region != 0]
    if unknown:
        raise ValueError(f"The panoptic map has segment ids that its segments_info lacks: {_some(unknown)}.")
    return names, things


def label_ids(count: int) -> list[int]:
    """The ids of ``count`` layers in a label map: index + 1, but never 255."""
    return [i + 1 if i + 1 < 255 else i + 2 for i in range(count)]


def panoptic_of(
    labels: np.ndarray, layers: Sequence[Layer]
) -> tuple[np.ndarray, list[dict[str, Any]], list[dict[str, Any]]]:
    """``Scene.to_panoptic`` of the scene's label map and layers."""
    coco = {(name, thing): i for i, name, thing in COCO_PANOPTIC}
    table: dict[tuple[str, bool], int] = {}
    segments: list[dict[str, Any]] = []
    regions = regions_of(labels)
    for segment_id, layer in zip(label_ids(len(layers)), layers, strict=True):
        if segment_id not in regions:
            continue
        key = (layer.name, layer.thing)
        if key not in table:
            table[key] = coco.get(key, 1001 + len(table))
        area, (x0, y0, x1, y1) = regions[segment_id]
        segments.append(
            {
                "id": segment_id,
                "category_id": table[key],
                "area": area,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "iscrowd": 0,
            }
        )
    rgb = np.empty((*labels.shape, 3), np.uint8)
    for channel in range(3):
        rgb[..., channel] = labels >> 8 * channel & 255
    categories = [{"id": i, "name": name, "isthing": int(thing)} for (name, thing), i in table.items()]
    return rgb, segments, categories


def _key(entry: Mapping[str, Any], key: str, what: str) -> int:
    try:
        return int(entry[key])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"The {what} {entry!r} has no whole number '{key}'; COCO's panoptic format has one.") from None


def _some(values: list[int], limit: int = 5) -> str:
    shown = ", ".join(str(v) for v in values[:limit])
    return shown + (f" and {len(values) - limit} more" if len(values) > limit else "")
