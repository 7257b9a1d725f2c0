"""The objects that ``insert`` puts in, each with its finished mask or cut-out, and regions for ``remove``.

All errors are ValueError with one sentence that holds the offending value and what would be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from smartmask.geometry import box_mask
from smartmask.guides import Box, as_guides
from smartmask.guides.mask import PICTURE_SUFFIXES
from smartmask.image.files import load_guide_mask
from smartmask.image.photo import Photo
from smartmask.insertion.cutout import share_cutouts
from smartmask.insertion.lay import ObjectRequest
from smartmask.io.checks import check_prompt
from smartmask.io.settings import option
from smartmask.masks.objects import Asked, ObjectTexts

FINISHED = "mask"  # here the finished mask: a rough one is a scribble


class InsertTexts(ObjectTexts):
    """What is inserted where, as texts and files."""

    taken: ClassVar[tuple[str, ...]] = (FINISHED,)
    pictures: ClassVar[tuple[str, ...]] = (FINISHED, "cutout", "cutout_mask", "reference")
    elsewhere: ClassVar[tuple[str, ...]] = ("cutout", "cutout_mask")

    mask: tuple[Path, ...] = option(
        (), "The finished mask, white on black: none is generated. Once an object.", metavar="PNG"
    )
    cutout: tuple[Path, ...] = option(
        (), "For paste: an RGBA cut-out, or a photo with --cutout-mask or --segmenter; once, or once an object.",
        metavar="PICTURE",
    )  # fmt: skip
    cutout_mask: tuple[Path, ...] = option((), "What of the cut-out to keep, white on black; as often.", metavar="PNG")
    reference: tuple[Path, ...] = option(
        (), "A picture of the object, for a model with --ip-adapter or one that takes it; once an object.",
        metavar="PICTURE",
    )  # fmt: skip

    def requests(self, size: tuple[int, int], context: str | None = None) -> list[ObjectRequest]:
        """The requests for a photo of ``size`` (height, width); context: of those that have none of their own."""
        if self.cutout_mask and not self.cutout:
            raise ValueError(
                f"--cutout-mask {self.cutout_mask[0]} says what to keep of a cut-out; add --cutout with it."
            )
        objects, count = self.asked(size, context), len(self.object)
        alike = [one.prompt for one in objects[count:] if "cutout" not in one.pictures]
        cutouts = self._cutouts(alike if len(self.cutout) == 1 else [])
        for_all = cutouts[-1] if len(self.cutout) == 1 and cutouts else (None, None)
        requests: list[ObjectRequest] = []
        for number, one in enumerate(objects):
            cutout, kept = cutouts[number] if number < count else for_all
            cutout, kept = (one.pictures["cutout"], None) if "cutout" in one.pictures else (cutout, kept)
            kept = one.pictures.get("cutout_mask", kept)
            mask, guides = _finished(one, size), list(one.guides) or None
            path = one.pictures.get("reference")
            shown = None if path is None else Photo.load(path, "reference picture").rgb()
            request = ObjectRequest(one.prompt, guides, mask, one.order, one.context, one.seed, cutout, kept, shown)
            requests.append(request)
        return requests

    def _cutouts(self, others: Sequence[str]) -> list[tuple[Path | None, Path | None]]:
        """The cut-out of each object and what of it to keep, then of ``others``, which share the only one."""
        if len(self.cutout_mask) not in (0, 1, len(self.cutout)):
            raise ValueError(
                f"--cutout-mask is given {len(self.cutout_mask)} times, but --cutout {len(self.cutout)} times; give it "
                "once for each."
            )
        kept = self.cutout_mask if len(self.cutout_mask) == len(self.cutout) else self.cutout_mask * len(self.cutout)
        shared = share_cutouts([*self.object, *others], self.cutout, "--cutout")
        return [(None, None) if at is None else (self.cutout[at], kept[at] if kept else None) for at in shared]


def _finished(one: Asked, size: tuple[int, int]) -> np.ndarray | None:
    """The finished mask of an object, if it has one; then a guide has no meaning."""
    if FINISHED not in one.pictures:
        return None
    if one.guides:
        raise ValueError(
            f"'{one.prompt}' has a finished mask and a {one.guides[0].kind} guide; give one of the two "
            "(a rough mask is a --scribble)."
        )
    return read_mask(one.pictures[FINISHED], size)


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """``(H, W)`` bool of a finished mask, painted white on black or on a transparent layer, of the photo's size."""
    mask = load_guide_mask(path) > 0.5
    if mask.shape != size:
        raise ValueError(
            f"The mask '{path}' is {mask.shape[1]}x{mask.shape[0]}, but the photo is {size[1]}x{size[0]} (upright)."
        )
    return mask


def read_region(text: str, size: tuple[int, int]) -> np.ndarray | int | str:
    """What ``remove`` takes away: a mask (of a PNG or a box x0,y0,x1,y1), or a layer's index or name."""
    if text.lower().endswith(PICTURE_SUFFIXES):
        return read_mask(Path(text), size)
    if text.strip().lstrip("-").isdecimal():
        return int(text)
    if any(character.isdigit() for character in text) and text.count(",") >= 1:
        (box,) = as_guides(Box.parse(text), *size)
        mask = box_mask(box.extent(*size), *size)
        if not mask.any():
            raise ValueError(f"The region {text} holds no pixel's centre; give a larger box.")
        return mask
    return check_prompt(text, "region")
