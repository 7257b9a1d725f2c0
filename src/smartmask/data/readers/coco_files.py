"""What the COCO formats share: finding files by COCO's own layouts, captions by image id."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from smartmask.io.reading import field, read_json
from smartmask.scene.coco import number, table


def annotation_file(path: Path, kind: str) -> Path:
    """The JSON of a kind ("instances", "panoptic", "captions"): ``path`` itself, or the one in that folder.

    In a folder ``kind.json`` wins, else the only ``kind*.json``, also in ``annotations/`` (COCO's own layout).
    Raises ValueError if there is none, or several to choose from.
    """
    if path.is_file():
        return path
    for folder in (path, path / "annotations"):
        if (folder / f"{kind}.json").is_file():
            return folder / f"{kind}.json"
        found = sorted(folder.glob(f"{kind}_*.json")) if folder.is_dir() else []
        if len(found) > 1:
            names = ", ".join(f.name for f in found)
            raise ValueError(f"{folder} holds several {kind} files ({names}); give the path of one.")
        if found:
            return found[0]
    raise ValueError(f"{path} holds no {kind}.json or {kind}_*.json.")


def image_file(annotations: Path, file_name: str) -> Path | None:
    """The photograph, in ``images/`` beside the JSON or in COCO's own layout; None if it is not there."""
    split = annotations.stem.split("_")[-1]  # instances_val2017 -> val2017
    base = annotations.parent
    for folder in (base / "images", base, base / split, base.parent / split, base.parent / "images"):
        if (folder / file_name).is_file():
            return folder / file_name
    return None


def captions_near(annotations: Path) -> dict[int, tuple[str, ...]]:
    """``{image id: captions}`` from the caption files that can be found near an annotation file.

    Looked at: ``captions.json`` or the captions of the same split beside it, and in a folder ``text``
    next to its folder ``coco_captions_*.json``. No captions at all is no error.
    """
    split = annotations.stem.split("_")[-1]
    beside = [annotations.parent / "captions.json", annotations.parent / f"captions_{split}.json"]
    text = annotations.parent.parent / "text"
    merged: dict[int, tuple[str, ...]] = {}
    for file in [*beside, *sorted(text.glob("coco_captions_*.json"))]:
        if file.is_file():
            for image_id, captions in read_captions(file).items():
                merged.setdefault(image_id, captions)
    return merged


@lru_cache(maxsize=4)
def read_captions(file: Path) -> dict[int, tuple[str, ...]]:
    """``{image id: captions}`` of a COCO captions file. Raises ValueError, naming the file, if it is none."""
    found: dict[int, list[str]] = {}
    for annotation in table(read_json(file, dataset=True), "annotations", file):
        caption = str(field(annotation, "caption", file, "a caption"))
        found.setdefault(number(annotation, "image_id", file, "a caption"), []).append(" ".join(caption.split()))
    return {image_id: tuple(captions) for image_id, captions in found.items()}
