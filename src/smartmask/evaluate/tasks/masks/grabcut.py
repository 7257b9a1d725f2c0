"""GrabCut on the photograph inside the box: what a user would get who wants the object that is already there.

It looks at the very object that the other systems have to invent, so its row is marked so: a measure of
how far pixels go, and no rival.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import cv2
import numpy as np

from smartmask.data.discover import discover, read_all
from smartmask.data.pack import Pack
from smartmask.data.targets import Case, Target
from smartmask.evaluate.baselines import Prediction
from smartmask.geometry import box_mask
from smartmask.guides import Box
from smartmask.image.files import load_photo

GRABCUT = "grabcut (sees the answer)"
ROUNDS = 5
_OBJECT = (cv2.GC_FGD, cv2.GC_PR_FGD)


def grabcut(photo: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """``(H, W)`` bool: the object of ``(H, W, 3)`` uint8 RGB ``photo`` inside ``box``, by colour alone.

    Rother et al., "GrabCut", SIGGRAPH 2004, as OpenCV has it. Outside the box counts as background; where
    there is no background to learn from, or nothing is found, the answer is the box.
    """
    inside = box_mask(box, *photo.shape[:2])
    if inside.all() or not inside.any():
        return inside
    state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    cv2.setRNGSeed(0)  # its colour models start from chance
    try:
        cv2.grabCut(photo, state, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # a box of too few pixels for its five colours
        return inside
    found = np.isin(state, _OBJECT)
    return found if found.any() else inside


class GrabCut:
    """``grabcut`` for the benchmark. photos: {(source, name of the picture): path}."""

    def __init__(self, pack: Pack, photos: dict[tuple[str, str], Path]) -> None:
        self.pack, self.photos = pack, photos

    def look(self, case: Case) -> Prediction:
        """The answer to a case with an exact box. Raises ValueError for another guide, or without a photograph."""
        if not isinstance(case.guide, Box):
            raise ValueError(f"GrabCut needs an exact box; the guidance here is '{case.kind}'.")
        height, width = case.true.shape
        photo = load_photo(self.photos[photo_key(self.pack, case.target)])
        if photo.shape[:2] != (height, width):
            photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
        return Prediction(grabcut(np.ascontiguousarray(photo), case.guide.extent(height, width))[None])


def photo_key(pack: Pack, target: Target) -> tuple[str, str]:
    """The key of a target's photograph."""
    return pack.meta.sources[target.record], pack.meta.names[target.record]


def find_photos(root: Path, families: Collection[str]) -> dict[tuple[str, str], Path]:
    """{(source, name): path} of the photographs of the sets under ``root`` that belong to ``families``.

    Pictures that cannot be read are left out. Raises ValueError if there is none.
    """
    sources = [s for s in discover(root) if any(s[0] == f or s[0].startswith(f + "_") for f in families)]
    records = read_all(sources, on_error=lambda error: None)
    found = {(r.source, r.name or r.key): r.image for r in records if isinstance(r.image, Path) and r.image.is_file()}
    if not found:
        raise ValueError(f"{root} has no photographs of {', '.join(families)}; give the folder that was packed.")
    return found


def with_photos(pack: Pack, targets: Iterable[Target], photos: Collection[tuple[str, str]]) -> list[Target]:
    """The targets that have a photograph. Raises ValueError if none has."""
    kept = [target for target in targets if photo_key(pack, target) in photos]
    if not kept:
        raise ValueError("None of the objects has a photograph; use sources with photographs, such as coco.")
    return kept
