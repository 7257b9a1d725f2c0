"""Guides of option texts: numbers of boxes, points, blobs and strokes, names of painted pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smartmask.guides.guides import Blob, Box, Guide, MaskGuide, Point, Scribble, as_guides
from smartmask.image.files import load_guide_mask

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")


def parse_guides(
    boxes: Sequence[str] = (),
    points: Sequence[str] = (),
    blobs: Sequence[str] = (),
    scribbles: Sequence[str] = (),
    masks: Sequence[Path] = (),
    *,
    size: tuple[int, int],
) -> tuple[Guide, ...]:
    """The guides of option texts, checked against the scene's ``size`` (height, width).

    boxes "x0,y0,x1,y1", points "x,y", blobs "cx,cy,sx,sy"; scribbles "x,y;x,y;..." with "|"
    between strokes, or the name of a painted picture; masks: painted pictures.
    """
    guides: list[Guide] = []
    guides += [Box(*_numbers(text, "--box", "x0,y0,x1,y1")) for text in boxes]
    guides += [Point(*_numbers(text, "--point", "x,y")) for text in points]
    guides += [Blob(*_numbers(text, "--blob", "cx,cy,sx,sy")) for text in blobs]
    guides += [parse_scribble(text) for text in scribbles]
    guides += [MaskGuide(load_guide_mask(path)) for path in masks]
    return as_guides(guides, *size)


def parse_scribble(text: str) -> Scribble | MaskGuide:
    """A stroke "x,y;x,y;...", strokes separated by "|", or the name of a painted picture."""
    if not text.strip():
        raise ValueError(f"The scribble is empty ({text!r}); give points x,y;x,y;... or a painted PNG.")
    if text.lower().endswith(PICTURE_SUFFIXES) or ("," not in text and Path(text).exists()):
        return MaskGuide(load_guide_mask(text))
    strokes = []
    for stroke in text.split("|"):
        points = [point for point in stroke.split(";") if point.strip()]
        if not points:
            raise ValueError(f"--scribble {text} has an empty stroke; give points x,y;x,y;... between the bars.")
        strokes.append([_numbers(point, "--scribble", "x,y;x,y;... or a painted PNG") for point in points])
    return Scribble(strokes)


def _numbers(text: str, option: str, form: str) -> tuple[float, ...]:
    count = form.split(";")[0].count(",") + 1
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{option} {text!r} is not a list of numbers; write {form}.") from error
    if len(numbers) != count:
        raise ValueError(f"{option} {text!r} has {len(numbers)} numbers instead of {count}; write {form}.")
    return numbers
