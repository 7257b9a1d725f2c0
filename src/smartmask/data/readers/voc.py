"""Pascal VOC class maps: palette PNGs, 0 unlabeled (not background: the rest of the scene), 255 void."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map
from smartmask.io.reading import files_in, photo_beside
from smartmask.scene import Scene

# VOC's 20 classes in the order of their ids 1..20, in the words COCO uses for the same things.
VOC_NAMES = (
    "airplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorcycle",
    "person",
    "potted plant",
    "sheep",
    "couch",
    "train",
    "tv",
)
MIN_SHARE = 0.001  # smaller parts of a class, as a share of the picture, are specks


@reader("voc", "Pascal VOC or SBD class maps (a folder of palette PNGs, or VOC's own folder)")
def read_voc(path: Path) -> Iterator[Job]:
    """One job a class map. path: the folder of the maps, or the one above it (VOC2012 itself)."""
    folder = path
    for name in ("SegmentationClassAug", "SegmentationClass"):
        if (path / name).is_dir():
            folder = path / name
            break
    photos = folder.parent / "JPEGImages"
    for file in files_in(folder, "*.png", "class maps"):
        yield partial(_record, file, photos)


def _record(file: Path, photos: Path) -> Record:
    labels = load_label_map(file)
    names = dict(enumerate(VOC_NAMES, start=1))
    min_area = max(1, round(MIN_SHARE * labels.size))
    try:
        scene = Scene.from_label_map(labels, names, set(names), split_instances=True, min_area=min_area)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return Record(file.stem, "voc", scene, image=photo_beside(photos, file.stem), name=file.stem)
