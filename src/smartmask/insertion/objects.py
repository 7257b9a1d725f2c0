"""From option texts and JSON lists to the objects that ``insert`` puts in, and to regions for ``remove``.

All errors are ValueError with one sentence that holds the offending value and what would be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from smartmask.geometry import box_mask
from smartmask.guides import KINDS, Box, as_guides
from smartmask.guides.mask import PICTURE_SUFFIXES
from smartmask.guides.parse import GuideTexts, read_guides
from smartmask.guides.table import NONE, guide_of
from smartmask.image.files import load_guide_mask
from smartmask.insertion.cutout import share_cutouts
from smartmask.insertion.lay import ObjectRequest
from smartmask.io.checks import check_prompt, check_seed
from smartmask.io.inputs import also_reads
from smartmask.io.reading import read_json, short_repr
from smartmask.io.settings import option

FINISHED = "mask"  # here the finished mask: a rough one is a scribble
GUIDES = tuple(kind for kind in KINDS if kind not in (NONE, FINISHED))
KEYS = ("object", "context", *GUIDES, FINISHED, "order", "seed", "cutout", "cutout_mask")


class ObjectTexts(GuideTexts):
    """What is inserted where, as texts and files. One object takes all guides, of several each takes one of a kind."""

    taken: ClassVar[tuple[str, ...]] = (FINISHED,)

    object: tuple[str, ...] = option((), "What to insert; may be repeated.", metavar="TEXT")
    objects_json: Path | None = option(
        None, 'Objects as a list: [{"object": "dog", "box": [0, 0, 9, 9]}]; they come after the others.', metavar="JSON"
    )
    mask: tuple[Path, ...] = option(
        (), "The finished mask, white on black: none is generated. Once an object.", metavar="PNG"
    )
    cutout: tuple[Path, ...] = option(
        (), "For paste: an RGBA cut-out, or a photo with --cutout-mask or --segmenter; once, or once an object.",
        metavar="PICTURE",
    )  # fmt: skip
    cutout_mask: tuple[Path, ...] = option((), "What of the cut-out to keep, white on black; as often.", metavar="PNG")
    order: int | None = option(None, "Depth: 0 is behind all layers; the model's own choice by default.")

    def requests(self, size: tuple[int, int], context: str | None = None) -> list[ObjectRequest]:
        """The requests for a photo of ``size`` (height, width); context: of those that have none of their own."""
        count = len(self.object)
        specs = _list_of(self.objects_json) if self.objects_json is not None else []
        if not count and not specs:
            raise ValueError("There is no object to insert; give --object TEXT, or --objects-json with a list.")
        if self.order is not None and count + len(specs) > 1:
            raise ValueError(
                f"--order {self.order} is given for {count + len(specs)} objects; use --objects-json to say whose."
            )
        if self.cutout_mask and not self.cutout:
            raise ValueError(
                f"--cutout-mask {self.cutout_mask[0]} says what to keep of a cut-out; add --cutout with it."
            )
        texts = {kind: _shared_out(kind, values, count) for kind, values in self.texts().items()}
        masks = _shared_out(FINISHED, self.mask, count)
        alike = [str(spec.get("object")) for spec in specs if isinstance(spec, dict) and spec.get("cutout") is None]
        cutouts = self._cutouts(alike if len(self.cutout) == 1 else [])
        source = self.objects_json or Path()
        requests = []
        for number, prompt in enumerate(self.object):
            found = read_guides({kind: shares[number] for kind, shares in texts.items()}, size)
            mask = _finished(masks[number], found, prompt, size)
            requests.append(
                ObjectRequest(
                    check_prompt(prompt), list(found) or None, mask, self.order, context, None, *cutouts[number]
                )
            )
        for number, spec in enumerate(specs):
            what, folder = f"objects[{number}] in '{source}'", source.parent
            shared = cutouts[-1] if len(self.cutout) == 1 else (None, None)
            requests.append(read_object(spec, what, folder, size, self.order, context, *shared))
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


def _shared_out(what: str, values: Sequence[Any], count: int) -> list[tuple[Any, ...]]:
    """Which values of an option belong to each of ``count`` objects."""
    if count == 1 and (what in GUIDES or len(values) <= 1):
        return [tuple(values)]
    if len(values) == count:
        return [(value,) for value in values]
    if values:
        raise ValueError(
            f"--{what} is given {len(values)} times, but --object {count} times; give it once for each object, "
            "or use --objects-json."
        )
    return [()] * count


def _list_of(path: Path) -> list[Any]:
    data = read_json(path, "objects", unique=True)
    if not isinstance(data, list) or not data:
        raise ValueError(f'The objects \'{path}\' hold {short_repr(data)}; give a list such as [{{"object": "dog"}}].')
    return data


def read_object(
    spec: Any,
    what: str,
    folder: Path,
    size: tuple[int, int],
    order: int | None = None,
    context: str | None = None,
    cutout: Path | None = None,
    cutout_mask: Path | None = None,
) -> ObjectRequest:
    """One object of a JSON list: ``{"object": "dog", "box": [x0, y0, x1, y1], ...}``.

    Keys are KEYS. Guides are texts as on the command line, or lists of numbers, of (x, y) points, or of lists of
    points; a scribble may be a file. mask, cutout and cutout_mask are files, beside the JSON unless absolute.
    """
    if not isinstance(spec, dict):
        raise ValueError(f'{what} is {short_repr(spec)}; give an object such as {{"object": "dog"}}.')
    unknown = sorted(set(spec) - set(KEYS))
    if unknown:
        raise ValueError(f"{what} has the unknown key '{unknown[0]}'; the keys are {', '.join(KEYS)}.")
    prompt = check_prompt(spec.get("object"), f"object of {what}")
    texts = {kind: [_guide_text(spec[kind], kind, what, folder)] for kind in GUIDES if spec.get(kind) is not None}
    guides = read_guides(texts, size)
    masks = [folder / _text(spec, "mask", what)] if spec.get("mask") is not None else []
    mask = _finished(masks, guides, prompt, size)
    if spec.get("cutout") is not None:
        cutout, cutout_mask = folder / _text(spec, "cutout", what), None
    if spec.get("cutout_mask") is not None:
        cutout_mask = folder / _text(spec, "cutout_mask", what)
    own_order, seed = spec.get("order", order), spec.get("seed")
    if own_order is not None and (not isinstance(own_order, int) or isinstance(own_order, bool)):
        raise ValueError(f"{what} has the order {short_repr(own_order)}; it is a whole number, 0 at the back.")
    own_context = check_prompt(spec["context"], f"context of {what}") if spec.get("context") is not None else context
    seed = None if seed is None else check_seed(seed)
    for path in (*masks, cutout, cutout_mask, *(text for found in texts.values() for text in found)):
        if path is not None:
            also_reads(path, what)
    return ObjectRequest(prompt, list(guides) or None, mask, own_order, own_context, seed, cutout, cutout_mask)


def _guide_text(value: Any, kind: str, what: str, folder: Path) -> str:
    """A guide of JSON as the command line would write it; pictures lie in the folder unless absolute."""
    if isinstance(value, str):
        return str(folder / value) if value.lower().endswith(PICTURE_SUFFIXES) else value
    points = ";" in guide_of(kind).form
    try:
        if not points:
            return ",".join(repr(float(number)) for number in value)
        lists = value if np.ndim(value[0][0]) else [value]
        return "|".join(";".join(f"{float(x)!r},{float(y)!r}" for x, y in one) for one in lists)
    except (TypeError, ValueError, IndexError, KeyError):
        form = "a list of points [x, y]" if points else "a list of numbers"
        raise ValueError(f"{what} has the {kind} {short_repr(value)}; give {form}.") from None


def _text(spec: dict[str, Any], key: str, what: str) -> str:
    if not isinstance(spec[key], str) or not spec[key]:
        raise ValueError(f"{what} has the {key} {short_repr(spec[key])}; it is the name of a picture file.")
    return str(spec[key])


def _finished(paths: Sequence[Path], guides: Sequence[Any], prompt: str, size: tuple[int, int]) -> np.ndarray | None:
    """The finished mask of an object, if it has one; then a guide has no meaning."""
    if not paths:
        return None
    if guides:
        raise ValueError(
            f"'{prompt}' has a finished mask and a {guides[0].kind} guide; give one of the two "
            "(a rough mask is a --scribble)."
        )
    return read_mask(paths[0], size)


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
