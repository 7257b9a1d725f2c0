"""Open Images V5 to V7: segmented objects, a PNG each of another size than its picture, listed in a CSV.

As published: ``train-annotations-object-segmentation.csv`` (MaskPath, ImageID, LabelName, BoxID, ...), the masks of
sixteen archives in one folder or several, ``*class-descriptions*.csv`` (a label's name), and, where they lie beside,
``*annotations-bbox.csv`` with what is known of the boxes (IsOccluded, IsTruncated, IsDepiction ...).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map, photo_size
from smartmask.io.csv_rows import CsvRows
from smartmask.io.reading import photo_beside, read_text
from smartmask.io.sentences import short_repr
from smartmask.scene import Layer, Scene

SEGMENTS = "*annotations-object-segmentation.csv"
_COLUMNS = ("MaskPath", "ImageID", "LabelName", "BoxID", "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax")
_BOXES = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsOccluded", "IsTruncated")
_CLOSE = 1e-3  # of the picture's sides: how far apart the corners of one box may be written in two tables
_PHOTOS = ("", "train", "validation", "test", "images", "data")
_STRETCH = 2  # pixels by which a mask's sides may differ from its picture's, scaled


@reader("open_images", "Open Images masks (*annotations-object-segmentation.csv, class descriptions, PNG masks)")
def read_open_images(path: Path) -> Iterator[Job]:
    """One job an image that has a mask. path: the CSV or its folder; the key is Open Images' own image id.

    Objects run from large to small; nothing else of a picture is annotated. A scene has its photograph's size, or
    where that is not at hand its masks'.
    """
    tables = [path] if path.is_file() else sorted(path.glob(SEGMENTS)) or sorted((path / "annotations").glob(SEGMENTS))
    if not tables:
        raise ValueError(f"{path} holds no {SEGMENTS}.")
    for file in tables:
        names = class_names(file.parent)
        segments = CsvRows(file, _COLUMNS, "ImageID", "table of masks")
        boxes = _boxes_beside(file, segments)
        for image_id in segments.keys:
            yield partial(_record, image_id, segments, boxes, names, file)


def class_names(folder: Path) -> dict[str, str]:
    """``{label: name}`` of the class descriptions in a folder, older ones without a first line of column names."""
    files = sorted(folder.glob("*class-descriptions*.csv"))
    if not files:
        raise ValueError(f"{folder} holds no *class-descriptions*.csv, which names Open Images' labels.")
    names: dict[str, str] = {}
    for file in files:
        try:
            rows = list(csv.reader(io.StringIO(read_text(file, "class descriptions", "a CSV file"), newline="")))
        except csv.Error as error:
            raise ValueError(f"The class descriptions '{file}' are not valid CSV ({error}).") from None
        for number, row in enumerate(rows, start=1):
            if len(row) != 2:
                raise ValueError(f"The class descriptions '{file}' have {len(row)} columns in line {number}, not 2.")
            if row[0].startswith("/") and row[1].strip():
                names.setdefault(row[0], row[1].strip().lower())
    return names


def _boxes_beside(file: Path, segments: CsvRows) -> CsvRows | None:
    """The boxes of the segmented images, if their table lies beside: of the same part, of whatever version."""
    part = file.name.removesuffix(SEGMENTS[1:]).split("-")[-2] if "-" in file.name else ""
    found = sorted(file.parent.glob(f"*{part}*annotations-bbox.csv"))
    return CsvRows(found[0], _BOXES, "ImageID", "table of boxes", segments.places) if found else None


def _record(image_id: str, segments: CsvRows, boxes: CsvRows | None, names: dict[str, str], file: Path) -> Record:
    photo = _photo(file, image_id)
    size = photo_size(photo) if photo is not None else None
    known = list(boxes.of(image_id)) if boxes is not None else []
    found: list[tuple[int, Layer, bool | None]] = []
    for row in segments.of(image_id):
        if row["LabelName"] not in names:
            raise ValueError(
                f"{file}: a mask of image {image_id} has the label {short_repr(row['LabelName'])}, which the class "
                "descriptions lack."
            )
        mask = load_label_map(_mask_file(file, row["MaskPath"])) > 0
        size = size or (mask.shape[0], mask.shape[1])
        mask = _fitted(mask, *size, row["MaskPath"])
        if mask.any():
            layer = Layer(names[row["LabelName"]], mask)
            found.append((layer.window.area, layer, _whole(row, known, file)))
    if size is None:
        raise ValueError(f"{file} lists no mask of image {image_id}.")
    found.sort(key=lambda item: -item[0])
    scene = Scene(*size, tuple(layer for _, layer, _ in found))
    whole = tuple(mark for _, _, mark in found)
    return Record(image_id, "open_images", scene, image=photo, name=image_id, whole=whole)


def _mask_file(file: Path, name: str) -> Path:
    """Where a mask lies: beside the table, in ``masks/``, or in a folder an archive (train-masks-0, ...)."""
    if not name or "/" in name or name.startswith("."):
        raise ValueError(f"{file} names the mask {short_repr(name)}, which is no plain file name.")
    base = file.parent
    for top in (base, base.parent):
        for folder in (top, top / "masks", top / f"masks-{name[0]}", top / "masks" / name[0]):
            if (folder / name).is_file():
                return folder / name
        for part in ("train", "validation", "test"):
            for folder in (top / f"{part}-masks", top / f"{part}-masks-{name[0]}", top / "masks" / part):
                if (folder / name).is_file():
                    return folder / name
    return base / "masks" / name  # reading it says that it is missing


def _photo(file: Path, image_id: str) -> Path | None:
    for top in (file.parent, file.parent.parent):
        for folder in _PHOTOS:
            if found := photo_beside(top / folder, image_id):
                return found
    return None


def _fitted(mask: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    """``(height, width)`` bool: a mask scaled by nearest pixel. ValueError if it is no scaled copy of that size."""
    if mask.shape == (height, width):
        return mask
    scale = max(mask.shape[0] / height, mask.shape[1] / width)
    if max(abs(mask.shape[0] - height * scale), abs(mask.shape[1] - width * scale)) > _STRETCH * max(1, scale):
        raise ValueError(
            f"The mask '{name}' is {mask.shape[1]}x{mask.shape[0]}, another shape than its image, {width}x{height}."
        )
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(int)
    cols = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(int)
    return np.ascontiguousarray(mask[rows[:, None], cols])


def _whole(row: dict[str, str], known: list[dict[str, str]], file: Path) -> bool | None:
    """Whether a mask's box is neither occluded nor truncated; None where no table tells (1 yes, 0 no, -1 unknown)."""
    box = _numbers(row, ("BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax"), file)
    for other in known:
        if other["LabelName"] != row["LabelName"]:
            continue
        if np.abs(box - _numbers(other, ("XMin", "XMax", "YMin", "YMax"), file)).max() <= _CLOSE:
            marks = {other["IsOccluded"], other["IsTruncated"]}
            return False if "1" in marks else (True if marks == {"0"} else None)
    return None


def _numbers(row: dict[str, str], columns: tuple[str, ...], file: Path) -> np.ndarray:
    try:
        return np.array([float(row[column]) for column in columns])
    except ValueError:
        wrong = short_repr([row[column] for column in columns])
        raise ValueError(f"{file}: the box {wrong} of image {row['ImageID']} is not four numbers.") from None
