"""A user's files, as single outlines: PNG masks of a folder, or the annotations of a COCO instances JSON.

What cannot be an outline (empty, tiny, in several parts, no mask at all) is told by its reason, file by file, so that
one bad picture of a hundred does not stop the others; what is no mask folder and no COCO file at all is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.image.files import convert, decode, is_deep_grey, pixels_of, refuse_32_bit
from smartmask.io.reading import read_json
from smartmask.scene.coco import category_names, crop_of, number, size, table
from smartmask.scene.outlines import (
    CONTACT,
    LOOSE,
    MIN_SIDE,
    IntBox,
    NamedOutline,
    Picture,
    contact,
    cropped,
    cut_sides,
    without_specks,
)
from smartmask.text.words import word_set

GREY = 0.25  # share of pixels neither black nor white from which a picture is no mask
CLEAR, TOUCHING = 1.0, 0.4  # quality of what the user says it is, and of what may be hidden in part
TRIMMED = ("lr", "tb", "ltrb")  # sides at which an outline may meet the border of a picture that was cut to it
FRAMED = 0.95  # share of a picture's rim that is white where black and white were exchanged
# words of file names that say how a picture was made, not what it shows
FORMAL = word_set("mask masks alpha matte cutout outline outlines silhouette silhouettes img image copy png")

REASONS = {
    "empty": "empty",
    "tiny": f"under {MIN_SIDE} pixels a side",
    "parts": "in several parts",
    "crowd": "crowds of several things",
    "filled": "white along the whole border (the object is white, its ground black)",
    "grey": "no black and white masks",
    "unnamed": "without a name (--name gives one)",
    "broken": "broken",
}


@dataclass(frozen=True, eq=False)
class Drawn:
    """One outline. label: the words that name it, "" without. source: where it comes from, one line.

    mask: (h, w) bool, tight. cut: letters of "ltrb" at which the picture's border cuts it. quality: in [0, 1].
    """

    label: str
    source: str
    mask: np.ndarray
    cut: str
    quality: float


@dataclass(frozen=True)
class LeftOut:
    """Something that is no outline. reason: a key of REASONS. detail: a sentence where there is more to say."""

    reason: str
    detail: str = ""


Job = Callable[[], list[Drawn | LeftOut]]


def jobs_of(path: Path) -> list[Job]:
    """One job a picture of a PNG file, a COCO JSON, a folder of PNG masks, or a folder with a COCO JSON.

    Raises ValueError, naming the path, if it is none of these.
    """
    if path.is_dir():
        json_file = _coco_in(path)
        if json_file is not None:
            return coco_jobs(json_file)
        files = sorted(
            f for f in path.rglob("*") if f.suffix.lower() == ".png" and f.is_file() and not _hidden(f, path)
        )
        if not files:
            raise ValueError(f"'{path}' holds no PNG mask and no COCO JSON; put masks there, white on black.")
        return [partial(_drawn_file, file, path) for file in files]
    if not path.exists():
        raise ValueError(f"'{path}' does not exist; give a folder of PNG masks, or a COCO JSON.")
    if path.suffix.lower() == ".json":
        return coco_jobs(path)
    if path.suffix.lower() == ".png":
        return [partial(_drawn_file, path, path.parent)]
    raise ValueError(f"'{path}' is neither a PNG nor a JSON file; give a folder of PNG masks, or a COCO JSON.")


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _coco_in(folder: Path) -> Path | None:
    """The instances file of a folder, by the names that COCO and the tools that write it give; None without one."""
    found: list[Path] = []
    for place in (folder, folder / "annotations"):
        for pattern in ("instances*.json", "*coco*.json"):
            found += [file for file in sorted(place.glob(pattern)) if file not in found]
    if len(found) > 1:
        raise ValueError(f"'{folder}' holds several COCO files ({', '.join(f.name for f in found)}); give one of them.")
    return found[0] if found else None


# --- PNG masks -------------------------------------------------------------------------------------


def _drawn_file(file: Path, root: Path) -> list[Drawn | LeftOut]:
    try:
        mask = read_mask(file)
    except ValueError as error:
        return [LeftOut("broken", str(error))]
    if isinstance(mask, LeftOut):
        return [mask]
    height, width = mask.shape
    crop = cropped(mask)
    if crop is None:
        return [LeftOut("empty")]
    inner = file.relative_to(root)
    source = _line(inner.with_suffix("").as_posix())
    return [_judged(*crop, (height, width), _label(inner, root), source, trimmed=True)]


def read_mask(file: Path) -> np.ndarray | LeftOut:
    """``(H, W)`` bool of a mask's file: what is opaque where its transparency varies, else what is white.

    Of a picture of two values, such as 0 and 1, the higher one counts as white.
    Raises ValueError for a file that cannot be read.
    """
    what = "mask"
    image, kind, _ = decode(file, what)
    if is_deep_grey(image, kind):
        values = np.asarray(image).astype(np.float32) / 65535
    else:
        refuse_32_bit(image, file, what)
        alpha = None
        if image.has_transparency_data:
            alpha = pixels_of(image, "RGBA", file, what)[..., 3]
        if alpha is not None and alpha.min() != alpha.max():
            values = alpha.astype(np.float32) / 255
        else:
            opaque = convert(image, "RGB", file, what) if image.has_transparency_data else image
            values = pixels_of(opaque, "L", file, what).astype(np.float32) / 255
    low, high = float(values.min()), float(values.max())
    if low == high:
        return LeftOut("filled" if low > 0.5 else "empty")
    between = (values > low) & (values < high)
    if between.any():
        if float(((values > 0.1) & (values < 0.9)).mean()) > GREY:
            return LeftOut("grey")
        mask = values > 0.5
    else:
        mask = values == high
    rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return LeftOut("filled") if float(rim.mean()) > FRAMED else mask


def _label(inner: Path, root: Path) -> str:
    """The words that name a file: its folder's below the root, else its own, else the root's."""
    for part in [*reversed(inner.parts[:-1]), inner.stem, root.resolve().name]:
        words = name_words(part)
        if words:
            return words
    return ""


def name_words(text: str) -> str:
    """The words of a file's or folder's name without numbers: "dog_sitting-012.mask" is "dog sitting"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = [re.sub(r"\d+$", "", word) for word in re.split(r"[\W_]+", apart)]
    return " ".join(word.lower() for word in words if word and word.lower() not in FORMAL and not word.isdigit())


# --- COCO ------------------------------------------------------------------------------------------


def coco_jobs(file: Path) -> list[Job]:
    """One job a picture of a COCO instances JSON. Raises ValueError, naming the file, if it is none."""
    content = read_json(file)
    try:
        labels = category_names(content, file)
        images = {number(image, "id", file, "an image"): image for image in table(content, "images", file)}
        by_image: dict[int, list[dict[str, Any]]] = {}
        for record in table(content, "annotations", file):
            by_image.setdefault(number(record, "image_id", file, "an annotation"), []).append(record)
    except ValueError as error:
        trouble = str(error).removeprefix(f"{file}: ").rstrip(".")
        raise ValueError(f"'{file}' is no COCO instances JSON ({trouble}); give one, or PNG masks.") from None
    return [partial(_annotated, records, images.get(key), key, labels, file) for key, records in by_image.items()]


def _annotated(
    records: list[dict[str, Any]], image: dict[str, Any] | None, key: int, labels: dict[int, str], file: Path
) -> list[Drawn | LeftOut]:
    """The annotations of a picture; those that touch others may be hidden in part, and count less."""
    if image is None:
        return [LeftOut("broken", f"{file}: no image has the id {key}.")] * len(records)
    try:
        shape = size(image, file, f"image {key}")
    except ValueError as error:
        return [LeftOut("broken", str(error))] * len(records)
    read = [_outline(record, labels, shape, file) for record in records]
    outlines = [item for item in read if isinstance(item, NamedOutline)]
    source = _line(Path(str(image.get("file_name") or key)).stem)
    picture = Picture("own", source, *shape, tuple(outlines))
    found: list[Drawn | LeftOut] = []
    at = -1
    for item in read:
        if isinstance(item, LeftOut):
            found.append(item)
            continue
        at += 1
        if item.crowd:
            found.append(LeftOut("crowd"))
            continue
        quality = TOUCHING if contact(picture, at) > CONTACT else CLEAR
        found.append(_judged(item.mask, item.box, shape, item.label, source, quality=quality))
    return found


def _outline(
    record: dict[str, Any], labels: dict[int, str], shape: tuple[int, int], file: Path
) -> NamedOutline | LeftOut:
    if not record.get("segmentation"):
        return LeftOut("empty")
    what = f"annotation {record.get('id')}"
    try:
        category = number(record, "category_id", file, what)
        if category not in labels:
            return LeftOut("broken", f"{file}: {what} has category {category}, which the categories do not list.")
        crop = crop_of(record["segmentation"], *shape, file, what)
    except ValueError as error:
        return LeftOut("broken", str(error))
    if crop is None:
        return LeftOut("empty")
    label = _line(labels[category].replace("_", " "))
    return NamedOutline(None, label, 0, *crop, crowd=bool(record.get("iscrowd", 0)))


# --- both ------------------------------------------------------------------------------------------


def _judged(
    mask: np.ndarray, box: IntBox, shape: tuple[int, int], label: str, source: str, *,
    trimmed: bool = False, quality: float = CLEAR,
) -> Drawn | LeftOut:  # fmt: skip
    """An outline in a picture of ``shape`` (height, width), if it is one.

    trimmed: the picture may have been cut to its object, so that one that meets opposite borders counts as whole.
    """
    picture = Picture("own", source, *shape, ())
    cut = cut_sides(picture, NamedOutline(None, label, 0, mask, box))
    cut = "" if trimmed and cut in TRIMMED else cut
    kept, loose = without_specks(mask)
    if loose > LOOSE:
        return LeftOut("parts")
    tight = cropped(kept)
    if tight is None:
        return LeftOut("empty")
    if min(tight[0].shape) < MIN_SIDE:
        return LeftOut("tiny")
    return Drawn(label, source, tight[0], cut, quality) if label else LeftOut("unnamed")


def _line(text: str) -> str:
    """Text fit for a list of lines in UTF-8: file names may hold anything."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
