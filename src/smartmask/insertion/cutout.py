"""Cut-outs for paste: a picture with transparency, or a photo whose object a mask or a panoptic model tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smartmask.errors import ModelMissingError
from smartmask.geometry import mask_box
from smartmask.image.composition import FAINT
from smartmask.image.files import load_guide_mask
from smartmask.image.photo import Photo
from smartmask.scene import Scene
from smartmask.scene.categories import clean_name

DEFRINGE = 2.0  # pixels of a cut-out made here, where its outline is not sure and colours of its background mix in
LEAST_SIMILARITY = 0.45  # cosine of names, below which the nearest layer is another thing
NO_ALPHA = (
    "has no transparent background; give an RGBA PNG (of a background remover, or an editor's selection saved with "
    "transparency), --cutout-mask with what to keep, or --segmenter with a panoptic model that finds it"
)


@dataclass(frozen=True, eq=False)
class Cutout:
    """A cut-out cropped to its silhouette: premultiplied (h, w, 4) float32 in [0, 255], alpha last."""

    premultiplied: np.ndarray

    def scaled(self, height: int, width: int, mirrored: bool) -> np.ndarray:
        """``(height, width, 4)`` float32, premultiplied."""
        source = self.premultiplied
        shrinks = height * width < source.shape[0] * source.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        scaled = cv2.resize(source, (width, height), interpolation=how)
        return scaled[:, ::-1] if mirrored else scaled


def read_cutout(
    picture: str | Path | np.ndarray,
    mask: str | Path | np.ndarray | None = None,
    segmenter: str | Path | None = None,
    prompt: str | None = None,
    defringe: float | None = None,
) -> Cutout:
    """The object of a picture: where its alpha says, or ``mask``, or the layer that ``segmenter`` calls so.

    picture: a file or (h, w, 3 or 4) uint8 or uint16.  mask: a file, white on black, or (h, w) bool; it holds
    beside an alpha too.  segmenter: a panoptic model, asked for ``prompt`` where neither an alpha nor a mask tells.
    defringe: pixels along the edge that take the colours next to them inside, since an outline that is not exact
    shows the old background; None for 0 with the picture's own alpha alone, else DEFRINGE.
    Raises ValueError, in one sentence, where nothing can be cut out; errors of a segmenter are its own.
    """
    if defringe is not None and not (np.isfinite(defringe) and 0 <= defringe <= 64):
        raise ValueError(f"The defringe is {defringe} pixels; it must be from 0 to 64.")
    if isinstance(picture, np.ndarray):
        what, photo = "The cut-out", Photo(picture)
    else:
        what, photo = f"The cut-out '{picture}'", Photo.load(picture, "cut-out")
    alpha = np.ones((photo.height, photo.width), dtype=np.float32)
    if photo.has_alpha:
        alpha = (photo.pixels[..., -1] / np.iinfo(photo.pixels.dtype).max).astype(np.float32)
    made = mask is not None or bool(alpha.min() >= 1)
    if mask is not None:
        alpha *= _read_mask(mask, photo, what)
    elif made:
        alpha *= _found(photo, segmenter, prompt, what)
    box = mask_box(alpha >= FAINT)
    if box is None:
        raise ValueError(f"{what} is wholly transparent; nothing of it can be pasted.")
    x0, y0, x1, y1 = (int(edge) for edge in box)
    alpha = np.where(alpha >= FAINT, alpha, 0)
    # The colours under the alpha, not composed on anything; a pixel more all round, which shows where the edge is.
    near = slice(max(y0 - 1, 0), y1 + 1), slice(max(x0 - 1, 0), x1 + 1)
    colours = photo.pixels[near][..., :-1] if photo.has_alpha else photo.pixels[near]
    width = (DEFRINGE if made else 0.0) if defringe is None else defringe
    colour = defringed(Photo(np.ascontiguousarray(colours)).rgb(), alpha[near], width).astype(np.float32)
    colour = colour[y0 - near[0].start :, x0 - near[1].start :][: y1 - y0, : x1 - x0]
    alpha = alpha[y0:y1, x0:x1]
    # premultiplied, so that scaling bleeds no background in
    return Cutout(np.dstack([colour * alpha[..., None], alpha * 255]).astype(np.float32))


def share_cutouts(names: Sequence[str], cutouts: Sequence[Any], what: str = "cut-out") -> list[int | None]:
    """Which of the cut-outs each of several named objects is pasted from: one for all of one name, or one each.

    cutouts: in the order of the names; files that are called as the objects are go by that instead ("moon.png",
    "dog.png" for a dog and a moon). ValueError for another number, and for one picture of things with several names:
    a dog is no moon.
    """
    if not cutouts:
        return [None] * len(names)
    kinds = list(dict.fromkeys(name.lower() for name in names))
    if len(cutouts) == 1 and len(kinds) > 1:
        raise ValueError(
            f"There is one {what} for {_listed(kinds)}, which are different things; give one for each of the "
            f"{len(names)} objects, in this order, or name only what it shows."
        )
    if len(cutouts) == 1:
        return [0] * len(names)
    if len(cutouts) != len(names):
        raise ValueError(
            f"The {what} is given {len(cutouts)} times for {len(names)} objects ({_listed(names)}); give it once for "
            "each, in this order."
        )
    called = [_called_by(name, cutouts) for name in names]
    return [*called] if sorted(called) == list(range(len(names))) else [*range(len(names))]


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _called_by(name: str, cutouts: Sequence[Any]) -> int:
    """The only cut-out whose file bears an object's name; -1 where there is none or several."""
    noun = name.lower().split()[-1]
    bearing = []
    for index, cutout in enumerate(cutouts):
        if isinstance(cutout, (str, Path)) and noun in re.split(r"[\W\d_]+", Path(cutout).stem.lower()):
            bearing.append(index)
    return bearing[0] if len(bearing) == 1 else -1


def defringed(colour: np.ndarray, alpha: np.ndarray, width: float) -> np.ndarray:
    """``(h, w, 3)`` uint8 colours of which those within ``width`` pixels of the edge come from the nearest inside.

    Parts of the silhouette that have no such inside, being thinner, keep theirs. Where the picture itself ends is
    no edge.
    """
    sure = (alpha >= 0.95).astype(np.uint8)
    if width <= 0 or not sure.any():
        return colour
    depth = cv2.distanceTransform(cv2.copyMakeBorder(sure, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5)
    inside = depth[1:-1, 1:-1] > width
    if not inside.any():
        return colour
    away, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    sources = np.zeros((int(labels.max()) + 1, 3), dtype=np.uint8)
    sources[labels[inside]] = colour[inside]
    edge = ~inside & (alpha > 0) & (away <= 2 * width + 1)
    result = colour.copy()
    result[edge] = sources[labels[edge]]
    return result


def _read_mask(mask: str | Path | np.ndarray, photo: Photo, what: str) -> np.ndarray:
    """``(h, w)`` float32 in [0, 1] of the cut-out's size."""
    kept = np.asarray(mask, dtype=np.float32) if isinstance(mask, np.ndarray) else load_guide_mask(mask)
    if kept.shape != (photo.height, photo.width):
        size = f"{kept.shape[1]}x{kept.shape[0]}" if kept.ndim == 2 else f"of shape {kept.shape}"
        raise ValueError(f"The mask of the cut-out is {size}, but {what[0].lower()}{what[1:]} is "
                         f"{photo.width}x{photo.height} (upright).")  # fmt: skip
    if not (np.isfinite(kept).all() and kept.min() >= 0 and kept.max() <= 1):
        raise ValueError(f"The mask of the cut-out has values from {kept.min():g} to {kept.max():g}; use 0 to 1.")
    if not kept.any():
        raise ValueError("The mask of the cut-out keeps nothing; it has to be above 0 on the object.")
    return kept


def _found(photo: Photo, segmenter: str | Path | None, prompt: str | None, what: str) -> np.ndarray:
    """``(h, w)`` bool: the largest thing of the name that a panoptic model sees."""
    if segmenter is None or prompt is None:
        raise ValueError(f"{what} {NO_ALPHA}.")
    try:
        scene = Scene.from_image(photo.rgb(), segmenter)
    except ModelMissingError as error:  # its end says what works without a model for a photo, not for a cut-out
        raise ModelMissingError(f"{str(error).rsplit(' (', 1)[0]} (without it, give --cutout-mask)") from error
    areas = {index: int(np.count_nonzero(scene.visible(index))) for index in _called(scene, prompt)}
    if not areas:
        seen = ", ".join(dict.fromkeys(layer.name for layer in scene.layers)) or "nothing"
        raise ValueError(
            f"{what} shows no '{prompt}' to '{segmenter}', but {seen}; give --cutout-mask, or an RGBA PNG."
        )
    return scene.visible(max(areas, key=lambda index: areas[index]))


def _called(scene: Scene, prompt: str) -> list[int]:
    """Indices of the layers of this name; else of those whose name means nearly the same."""
    wanted = clean_name(prompt).lower()
    names = [clean_name(layer.name).lower() for layer in scene.layers]
    same = [index for index, name in enumerate(names) if name == wanted]
    if same or not names:
        return same
    vectors = _unit_vectors([wanted, *names])
    similarity = vectors[1:] @ vectors[0]
    best = float(similarity.max())
    return [int(i) for i in np.flatnonzero(similarity == best)] if best >= LEAST_SIMILARITY else []


def _unit_vectors(names: list[str]) -> Any:
    from smartmask.io.package import BUNDLED_MASKS
    from smartmask.text.encoder import TextEncoder

    text = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
    vectors = np.stack([text.encode(name) for name in names])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-6)
