"""Composition: crop windows round an object, soft edges, and pasting that leaves all else bit for bit.

What is drawn is held in a ``PaintedLayer``: colours and an 8-bit coverage in a window of the photo.
Blending writes pixels of positive coverage only, so the rest of the photo cannot change. All work is
done in windows; whole-photo arrays of floating point numbers are never made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, signed_distance
from smartmask.image.photo import Photo

FEATHER = 2.0  # pixels of the photo over which an edge fades, inside the mask
CONTEXT = 0.5  # margin of a crop on each side, in sides of the object's box
LEAST_MARGIN = 16  # pixels
FAINT = 8 / 255  # alpha below it is haze that background removers leave, not object
RING = 0.15  # width of the surroundings that colours are matched to, in sides of the window
SHADOW = 0.45  # darkest opacity of a contact shadow

LayerKind = Literal["object", "shadow", "fill"]


@dataclass(frozen=True)
class Window:
    """A part of a photo in whole pixels, ``x1, y1`` exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns), to index ``(H, W, ...)`` arrays."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    def as_list(self) -> list[int]:
        return [self.x0, self.y0, self.x1, self.y1]


def crop_window(box: BoxXYXY, height: int, width: int, context: float = CONTEXT) -> Window:
    """The window round an object's box, as near to a square as the photo allows.

    Its side is the box's longer side and ``context`` of it (at least LEAST_MARGIN pixels) on either
    side; it is moved into the photo and cut where the photo is smaller. It always holds the whole box
    (as far as that lies in the photo) and a margin all round but where the photo ends.
    """
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    side = int(np.ceil(longer + 2 * max(context * longer, LEAST_MARGIN)))

    def along(low: float, high: float, limit: int) -> tuple[int, int]:
        start = int(np.floor((low + high - side) / 2))
        start = min(max(start, 0), max(limit - side, 0))
        return start, min(start + side, limit)

    left, right = along(x0, x1, width)
    top, bottom = along(y0, y1, height)
    return Window(left, top, right, bottom)


# --- sizes ---------------------------------------------------------------------------------------


def side_size(height: int, width: int, side: int | None) -> tuple[int, int]:
    """(height, width) whose longer side is ``side``, same aspect; None: as it is."""
    if side is None:
        return height, width
    factor = side / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """``(h, w[, C])`` uint8 or float32 scaled to (height, width): areas when it shrinks, cubic when it grows."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def resize_mask(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """``(h, w)`` bool scaled to (height, width): a pixel belongs to it if half of it is covered.

    A mask with a pixel keeps at least one: the most covered.
    """
    if mask.shape == (height, width):
        return mask
    shrinks = height * width < mask.shape[0] * mask.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cover = cv2.resize(np.ascontiguousarray(mask, dtype=np.float32), (width, height), interpolation=how)
    return (cover >= min(0.5, float(cover.max()))) & (cover > 0)


# --- coverage ------------------------------------------------------------------------------------


def feather_weights(mask: np.ndarray, feather: float = FEATHER, alpha: np.ndarray | None = None) -> np.ndarray:
    """``(H, W)`` uint8 coverage: 0 outside the mask, rising inside it to 255 over ``feather`` pixels.

    The fade lies inside the mask only, and a pixel of the mask counts by the distance of its centre to
    the edge; the photo's own border is no edge. alpha: (H, W) in [0, 1] or None; the smaller of the two
    holds, and what is fainter than FAINT is none. Raises ValueError for a negative or infinite width.
    """
    if not (np.isfinite(feather) and feather >= 0):
        raise ValueError(f"The feather is {feather} pixels wide; it must be a number from 0 on.")
    weights = mask.astype(np.float32)
    if feather > 0 and mask.any() and not mask.all():
        weights = np.clip(signed_distance(mask) / np.float32(max(feather, 0.5)), 0, 1) * mask
    if alpha is not None:
        weights = np.minimum(weights, np.where(alpha >= FAINT, alpha, 0))
    covered = np.rint(weights * 255).astype(np.uint8)
    # A very wide feather must not make the edge of the mask vanish from what is reported as painted.
    return np.where(weights > 0, np.maximum(covered, 1), 0).astype(np.uint8)


# --- layers and blending -------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PaintedLayer:
    """Something drawn over the photo.

    rgba: (h, w, 4) uint8, colours not premultiplied, coverage last; ``window``: where in the photo.
    applied: whether the result holds it (a shadow may be kept aside as a layer only).
    """

    name: str
    kind: LayerKind
    window: Window
    rgba: np.ndarray
    applied: bool = True

    @property
    def touched(self) -> np.ndarray:
        """``(h, w)`` bool of the window: pixels that the layer may change."""
        return self.rgba[..., 3] > 0

    def full(self, height: int, width: int) -> np.ndarray:
        """``(H, W, 4)`` uint8: the layer at the photo's size, transparent elsewhere."""
        canvas = np.zeros((height, width, 4), dtype=np.uint8)
        canvas[self.window.slices] = self.rgba
        return canvas


def painted_layer(
    name: str,
    kind: LayerKind,
    window: Window,
    image: np.ndarray,
    mask: np.ndarray,
    feather: float = FEATHER,
    alpha: np.ndarray | None = None,
) -> PaintedLayer:
    """The layer of a painted crop: ``image`` (h, w, 3) uint8 RGB, seen inside ``mask`` (h, w) bool only."""
    coverage = feather_weights(mask, feather, alpha)
    rgba = np.dstack([image, coverage])
    rgba[coverage == 0] = 0
    return PaintedLayer(name, kind, window, rgba)


def blend(pixels: np.ndarray, layer: PaintedLayer) -> None:
    """Draw a layer over ``(H, W, C)`` uint8 or uint16 pixels, in place; pixels of no coverage are not written.

    Porter and Duff's "over" (Compositing Digital Images, 1984), with the photo's alpha where it has
    one. On a grey photo the layer's luma (ITU-R BT.601) is drawn: the photo stays grey.
    """
    region = pixels[layer.window.slices]
    for rows in _bands(*layer.rgba.shape[:2]):
        _over(region[rows], layer.rgba[rows])


def _bands(height: int, width: int) -> Iterator[slice]:
    """Rows in bands of about a million pixels: what bounds the memory of floating point work."""
    step = max(1, (1 << 20) // width)
    return (slice(top, top + step) for top in range(0, height, step))


def _over(region: np.ndarray, rgba: np.ndarray) -> None:
    touched = rgba[..., 3] > 0
    if not touched.any():
        return
    drawn = rgba[touched].astype(np.float32)
    below = region[touched].astype(np.float32)
    channels, top = region.shape[2], float(np.iinfo(region.dtype).max)
    weight = drawn[:, 3:] / 255
    colour = drawn[:, :3] * (top / 255)
    if channels <= 2:
        colour = colour @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)
    if channels in (2, 4):
        under = below[:, -1:] / top * (1 - weight)
        alpha = weight + under
        mixed = (colour * weight + below[:, :-1] * under) / alpha
        mixed = np.hstack([mixed, alpha * top])
    else:
        mixed = colour * weight + below * (1 - weight)
    region[touched] = np.clip(np.rint(mixed), 0, top).astype(region.dtype)


def compose(
    photo: Photo,
    image: np.ndarray,
    mask: np.ndarray,
    window: Window | None = None,
    feather: float = FEATHER,
    alpha: np.ndarray | None = None,
) -> Photo:
    """The photo with ``image`` seen inside ``mask``; every pixel outside the mask is the photo's, bit for bit.

    image: (h, w, 3) uint8 RGB, mask: (h, w) bool, alpha: (h, w) in [0, 1] or None, all of the window's
    size (None: the whole photo). feather: width of the fade in pixels, inside the mask.
    Raises ValueError if sizes differ.
    """
    window = window or Window(0, 0, photo.width, photo.height)
    for what, array in (("painted crop", image), ("mask", mask), ("alpha", alpha)):
        if array is not None and array.shape[:2] != (window.height, window.width):
            size = f"{array.shape[1]}x{array.shape[0]}"
            raise ValueError(f"The {what} is {size}, but its window is {window.width}x{window.height}.")
    pixels = photo.pixels.copy()
    blend(pixels, painted_layer("object", "object", window, image, mask, feather, alpha))
    return replace(photo, pixels=pixels)


# --- colour and shadow ---------------------------------------------------------------------------


def ring(mask: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool: the surroundings of a mask within its window, RING of the longer side wide."""
    reach = max(3, round(RING * max(mask.shape)))
    distance = signed_distance(mask)
    return ~mask & (distance > -reach)


def match_colours(image: np.ndarray, source: np.ndarray, reference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``image`` with the colours of its ``source`` pixels moved to those of ``reference`` at ``target``.

    image, reference: (H, W, 3) uint8 RGB; source, target: (H, W) bool. In Lab, channel by channel:
    x' = (x - mean_s) (std_t / std_s) + mean_t (Reinhard et al., Color Transfer between Images, 2001),
    with the ratio held in [.6, 1.6]. Unchanged if either choice has under 16 pixels.
    """
    if np.count_nonzero(source) < 16 or np.count_nonzero(target) < 16:
        return image
    mean_s, std_s = _lab_moments(image, source)
    mean_t, std_t = _lab_moments(reference, target)
    gain = np.clip((std_t + 1e-3) / (std_s + 1e-3), 0.6, 1.6)
    offset = mean_t - mean_s * gain
    matched = np.empty_like(image)
    for rows in _bands(*image.shape[:2]):
        lab = (_lab(image[rows]) * gain + offset).astype(np.float32)
        matched[rows] = np.clip(np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255), 0, 255).astype(np.uint8)
    return matched


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _lab_moments(image: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (3,) of the chosen pixels, or of every k-th of very many."""
    pixels = image[chosen]
    pixels = pixels[:: 1 + len(pixels) // 1_000_000]
    lab = _lab(pixels[None])[0].astype(np.float64)
    return lab.mean(axis=0), lab.std(axis=0)


def contact_shadow(mask: np.ndarray, covered: np.ndarray, window: Window, name: str = "shadow") -> PaintedLayer:
    """A soft shadow on the ground just below an object, as a black layer of its own.

    mask: (h, w) bool, the object in its window; covered: (h, w) bool, what stands in front and takes no
    shadow. The silhouette is squashed to an eighth of its height about its lower edge, blurred, and
    kept off the object itself. No light is estimated: it says "stands here", not where the sun is.
    """
    opacity = np.zeros(mask.shape, dtype=np.float32)
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size:
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        tall = bottom - top
        flat = max(1, round(tall / 8))
        squashed = cv2.resize(mask[top:bottom].astype(np.float32), (mask.shape[1], flat), interpolation=cv2.INTER_AREA)
        low = min(bottom + flat // 3, mask.shape[0])  # a third of it below the feet, as far as the photo goes
        opacity[low - flat : low] = squashed
        sigma = max(1.0, tall / 40)
        opacity = cv2.GaussianBlur(opacity, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) * SHADOW
        opacity[mask | covered] = 0
    rgba = np.zeros((*mask.shape, 4), dtype=np.uint8)
    rgba[..., 3] = np.rint(np.clip(opacity, 0, 1) * 255)
    return PaintedLayer(name, "shadow", window, rgba, applied=False)
