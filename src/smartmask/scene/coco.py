"""COCO's JSON: its records checked, its segmentations as masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import polygons_to_mask, rle_decode
from smartmask.io.checks import MAX_PIXELS, check_prompt
from smartmask.io.json_rows import JsonRows
from smartmask.io.reading import field
from smartmask.io.sentences import short_repr
from smartmask.scene.outlines import IntBox, cropped


def table(content: Any, name: str, file: Path) -> Sequence[dict[str, Any]]:
    """The list ``content[name]`` of a COCO JSON, read or to be read a row at a time.

    Raises ValueError, naming the file, if it is missing.
    """
    rows = field(content, name, file, "the file")
    if isinstance(rows, JsonRows):
        return rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{file}: '{name}' is not a list of objects.")
    return rows


def number(record: Any, name: str, file: Path, what: str) -> int:
    """The whole number ``record[name]``. Raises ValueError, naming the file, if it is missing or none."""
    value = field(record, name, file, what)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).lstrip("-").isdigit():
        raise ValueError(f"{file}: the '{name}' of {what} is {short_repr(value)}, not a whole number.")
    return int(value)


def size(record: Any, file: Path, what: str) -> tuple[int, int]:
    """``(height, width)`` of a COCO image record. Raises ValueError for none, or for too many, pixels."""
    height, width = number(record, "height", file, what), number(record, "width", file, what)
    if height < 1 or width < 1:
        raise ValueError(f"{file}: {what} is {width}x{height} pixels.")
    if height * width > MAX_PIXELS:
        raise ValueError(f"{file}: {what} is {width}x{height}, which is more than {MAX_PIXELS:,} pixels.")
    return height, width


def mask_of(segmentation: Any, height: int, width: int, file: Path, what: str) -> np.ndarray:
    """``(H, W)`` bool of a COCO ``segmentation``: a polygon, a list of polygons, or an RLE.

    Raises ValueError, naming the file, if it is neither or its size differs.
    """
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            stated = short_repr(segmentation.get("size"))
            raise ValueError(f"{file}: the RLE of {what} has size {stated}, but the image is [{height}, {width}].")
        try:
            return rle_decode(segmentation)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"{file}: the RLE of {what} is broken ({error}).") from None
    polygons = segmentation if isinstance(segmentation, list) else []
    if polygons and not isinstance(polygons[0], list):
        polygons = [polygons]
    try:
        flat = [np.asarray(p, dtype=np.float64).reshape(-1, 2) for p in polygons]
    except (ValueError, TypeError):
        raise ValueError(f"{file}: a polygon of {what} is not a list of x, y pairs.") from None
    if not flat or not all(np.isfinite(p).all() for p in flat):
        raise ValueError(f"{file}: {what} has no usable segmentation.")
    far = max((float(np.abs(p).max(initial=0)) for p in flat), default=0.0)
    if far > FAR * max(height, width):
        raise ValueError(f"{file}: a polygon of {what} reaches to {far:g}, far outside its {width}x{height} image.")
    return polygons_to_mask(flat, height, width)


def category_names(content: Any, file: Path) -> dict[int, str]:
    """``{category id: name}`` of a COCO JSON."""
    names: dict[int, str] = {}
    for record in table(content, "categories", file):
        key = number(record, "id", file, "a category")
        names[key] = check_prompt(field(record, "name", file, f"category {key}"), f"name of category {key} in '{file}'")
    return names


def crop_of(segmentation: Any, height: int, width: int, file: Path, what: str) -> tuple[np.ndarray, IntBox] | None:
    """``cropped`` mask of a COCO segmentation; polygons are filled within their own extent only.

    Raises ValueError, naming the file, as ``mask_of`` does.
    """
    polygons = segmentation if isinstance(segmentation, list) and segmentation else None
    if polygons is None or not all(isinstance(p, list) and len(p) >= 6 and len(p) % 2 == 0 for p in polygons):
        return cropped(mask_of(segmentation, height, width, file, what))
    try:
        points = [np.asarray(p, np.float64).reshape(-1, 2) for p in polygons]
    except (ValueError, TypeError):
        points = []
    if not points or any(2 * len(p) != len(numbers) for p, numbers in zip(points, polygons, strict=True)):
        return cropped(mask_of(segmentation, height, width, file, what))  # which says what is wrong
    low = np.floor(np.min([p.min(axis=0) for p in points], axis=0)) - 1
    high = np.ceil(np.max([p.max(axis=0) for p in points], axis=0)) + 1
    if not np.isfinite(low + high).all() or low.min() < -2 or high[0] > width + 2 or high[1] > height + 2:
        return cropped(mask_of(segmentation, height, width, file, what))
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), width), min(int(high[1]), height)
    if x1 <= x0 or y1 <= y0:
        return None
    found = cropped(polygons_to_mask([p - (x0, y0) for p in points], y1 - y0, x1 - x0))
    if found is None:
        return None
    mask, (bx0, by0, bx1, by1) = found
    return mask, (bx0 + x0, by0 + y0, bx1 + x0, by1 + y0)


FAR = 10  # polygons may leave the image, but not by this many of its sides: rasterising them takes memory
