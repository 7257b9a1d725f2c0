"""Amodal sets in COCO's form: each object twice, whole and as it is seen. KINS (street scenes) and COCOA-cls.

KINS (Qi et al. 2019): ``a_segm`` is whole, ``i_segm`` what is seen, ``oco_id`` the cluster of objects that meet, and
``ico_id`` how often an object is hidden in its cluster (0: meets none, 1: in front). COCOA-cls and the sets that follow
it say ``amodal_segm`` or ``segmentation``, and ``visible_segm`` or ``visible_mask``; their ``background_objs_segm`` and
``occluder_segm`` are what other objects' masks say as well, and are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from smartmask.data.depth import meets_border, pairs_seen, stacked
from smartmask.data.readers.coco_files import (
    Rows,
    annotation_files,
    captions_near,
    image_file,
    named_objects,
    read_coco,
)
from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.geometry import MaskWindow
from smartmask.io.reading import file_says, read_text
from smartmask.io.sentences import short_repr
from smartmask.scene import Layer, Scene
from smartmask.scene.coco import category_names, mask_of, number, size

KINS_FILES = ("update_*_2020.json", "instances_train.json", "instances_val.json")
COCOA_CLS_WORDS = ('"amodal_segm"', '"visible_segm"', '"visible_mask"')  # what COCO's own files never say
_WHOLE = {"kins": ("a_segm",), "cocoa_cls": ("amodal_segm", "segmentation")}
_SEEN = ("i_segm", "visible_segm", "visible_mask", "inmodal_seg")
_NAMES = {"pedestrian": "person", "person-sitting": "person"}


@reader("kins", "KINS amodal street scenes (update_train_2020.json or instances_train.json, KITTI's training/image_2)")
def read_kins(path: Path) -> Iterator[Job]:
    """One job an image. path: a JSON file, or the folder of them (also in its ``annotations/``).

    The key is the KITTI drive where KITTI's ``mapping/`` (of its object development kit) lies near, since frames of a
    drive repeat; else the frame.
    """
    for file in annotation_files(path, "kins", KINS_FILES):
        testing = any(word in file.stem for word in ("test", "val"))
        drives = {} if testing else _kitti_drives(file.parent)
        yield from _jobs(file, "kins", partial(_kitti, file, testing, drives))


@reader("cocoa_cls", "COCOA-cls and sets in its form: COCO's JSON with whole and visible masks of each object")
def read_cocoa_cls(path: Path) -> Iterator[Job]:
    """One job an image. path: a JSON file, or the folder of them; the key is COCO's image id."""
    files = annotation_files(path, "cocoa_cls", ("*.json",))
    if path.is_dir():
        files = [file for file in files if file_says(file, COCOA_CLS_WORDS) and not file_says(file, ['"regions"'])]
    if not files:
        raise ValueError(f"{path} holds no JSON with {' or '.join(COCOA_CLS_WORDS)}.")
    for file in files:
        yield from _jobs(file, "cocoa_cls", partial(_coco, file))


def _jobs(file: Path, source: str, about: Any) -> Iterator[Job]:
    content, pictures = read_coco(file)
    names = {key: _NAMES.get(name, name) for key, name in category_names(content, file).items()}
    captions = captions_near(file) if source == "cocoa_cls" else {}
    for image_id, image, objects in pictures:
        yield partial(_record, image, objects, names, captions.get(image_id, ()), file, source, about)


def _kitti(file: Path, testing: bool, drives: dict[str, str], image: dict[str, Any]) -> tuple[str, Path | None]:
    """(key, photograph) of a KITTI frame; frames of both parts have the same names."""
    name = str(image.get("file_name", "")).rsplit("/", 1)[-1]
    stem = name.rsplit(".", 1)[0]
    part = "testing" if testing else "training"
    folders = (f"{part}/image_2", "image_2", f"{'test' if testing else 'train'}_imgs", part)
    for base in (file.parent, file.parent.parent):
        for folder in folders:
            if (base / folder / name).is_file():
                return drives.get(stem, f"kitti_{part}_{stem}"), base / folder / name
    return drives.get(stem, f"kitti_{part}_{stem}"), image_file(file, name)


def _coco(file: Path, image: dict[str, Any]) -> tuple[str, Path | None]:
    name = str(image.get("coco_url") or image.get("file_name") or number(image, "id", file, "an image"))
    return coco_key(name), image_file(file, name.rsplit("/", 1)[-1])


@lru_cache(maxsize=4)
def _kitti_drives(folder: Path) -> dict[str, str]:
    """``{frame: drive}`` of KITTI's training pictures: train_rand.txt says which line of train_mapping.txt each is."""
    for base in (folder, folder.parent):
        for place in (base / "mapping", base / "devkit_object" / "mapping", base / "devkit" / "mapping"):
            if (place / "train_mapping.txt").is_file() and (place / "train_rand.txt").is_file():
                lines = read_text(place / "train_mapping.txt").splitlines()
                order = read_text(place / "train_rand.txt").replace(",", " ").split()
                return {f"{at:06d}": _drive(lines, line, place) for at, line in enumerate(order)}
    return {}


def _drive(lines: list[str], line: str, place: Path) -> str:
    """The drive of a line (date, drive, frame), which is counted from 1."""
    words = lines[int(line) - 1].split() if line.isdigit() and 0 < int(line[:9]) <= len(lines) else []
    if len(words) != 3:
        raise ValueError(f"{place / 'train_rand.txt'} names line {short_repr(line)}, which train_mapping.txt lacks.")
    return words[1]


def _record(
    images: Rows,
    annotations: Rows,
    names: dict[int, str],
    captions: tuple[str, ...],
    file: Path,
    source: str,
    about: Any,
) -> Record:
    (image,) = images
    key, photo = about(image)
    image_id = number(image, "id", file, "an image")
    height, width = size(image, file, f"image {image_id}")
    layers: list[Layer] = []
    seen: list[MaskWindow] = []
    ranks: list[float] = []
    for annotation, what, name in named_objects(annotations, image_id, names, file):
        mask = _mask(annotation, _WHOLE[source], height, width, file, what)
        if mask is None:
            raise ValueError(f"{file}: {what} has no {' or '.join(_WHOLE[source])}, the mask of the whole object.")
        if not mask.any():
            continue
        layers.append(Layer(name, mask))
        shown = _mask(annotation, _SEEN, height, width, file, what)
        seen.append(mask if shown is None else shown & mask)
        ranks.append(_rank(annotation, file, what))
    # first what is seen where two meet, then KINS's own counts, then lower edges: what stands lower is nearer
    feet = [layer.window.box[3] / height for layer in layers]
    pairs = pairs_seen([layer.window for layer in layers], seen)
    order = stacked(len(layers), pairs, [foot - rank for foot, rank in zip(feet, ranks, strict=True)])
    whole = tuple(seen[i].area == layers[i].window.area and not meets_border(layers[i].window) for i in order)
    scene = Scene(height, width, tuple(layers[i] for i in order), caption=captions[0] if captions else None)
    name = f"{int(key):012d}" if source == "cocoa_cls" else photo_name(image, image_id)
    return Record(key, source, scene, captions, modal=False, image=photo, name=name, ordered=True, whole=whole)


def photo_name(image: dict[str, Any], image_id: int) -> str:
    """The name of a picture without its extension, its id where it has none."""
    return str(image.get("file_name") or image_id).rsplit(".", 1)[0]


def _mask(
    annotation: dict[str, Any], fields: tuple[str, ...], height: int, width: int, file: Path, what: str
) -> MaskWindow | None:
    """The mask of the first field that is there and not empty."""
    for name in fields:
        if annotation.get(name):
            return MaskWindow.of(mask_of(annotation[name], height, width, file, f"{name} of {what}"))
    return None


def _rank(annotation: dict[str, Any], file: Path, what: str) -> float:
    """How often an object is hidden in its cluster, bounded, so that no huge number drowns the rest."""
    if annotation.get("ico_id") is None:
        return 0.0
    return float(min(max(number(annotation, "ico_id", file, what), 0), 10_000))
