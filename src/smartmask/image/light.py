"""The light of a place in a photo, and a cut-out put into it: how bright, of which cast, how deep its blacks.

Light multiplies what things reflect, so all is done on linear intensities (sRGB's transfer taken as a power of 2.2):
black fur stays black, white fur takes the light. What a cut-out's own light was is not known; it is taken for that
of the usual photograph, and the cut-out's own brightest parts bound what is done to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

GAMMA = 2.2
USUAL = 0.5  # level of the usual photograph: the median over places in COCO photos of the train split
NEAR, WHOLE = 0.65, 0.35  # shares (of logs) of the surroundings and of the whole photo in the level
STRENGTH = 0.8  # of the way, in logs, that a cut-out's light goes to the place's
LEAST, MOST = 0.1, 1.25  # of the change of light
CAST_STRENGTH, CAST_MOST = 0.6, 1.35  # of the way, in logs, and the most that a channel changes by
HAZE, DEEPEST = 0.6, 0.04  # share of the surroundings' black that haze adds, and linear intensity at most
SAMPLES = 200_000  # pixels of a photo that are looked at
FEWEST = 16
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of linear intensities, ITU-R BT.709


@dataclass(frozen=True)
class Light:
    """level: how bright white is, about, linear in (0, 1]. high: the brightest of the surroundings. cast: (3,) of
    mean 1, the colour of white. black: linear intensity of the darkest parts."""

    level: float
    high: float
    cast: tuple[float, float, float]
    black: float


def light_at(photo: np.ndarray, around: np.ndarray, whole: np.ndarray | None = None) -> Light | None:
    """The light of a place, or None where fewer than FEWEST pixels tell it.

    photo: (h, w, 3) uint8 RGB, a window; around: (h, w) bool, the surroundings of the place: those beside and below
    its middle count, as what stands there is as far away, where they are enough. whole: the photo, None for the window.
    The colour of white is "shades of grey" (Finlayson and Trezzi, Color Constancy Conference 2004): the Minkowski mean
    of power 6 of the intensities.
    """
    rows = np.flatnonzero(around.any(axis=1))
    if np.count_nonzero(around) < FEWEST:
        return None
    low = around.copy()
    low[: int(rows[0] + rows[-1]) // 2] = False
    near = _linear(_sampled(photo[low if np.count_nonzero(low) >= FEWEST else around]))
    everything = photo if whole is None else whole
    far = _linear(_sampled(everything.reshape(-1, everything.shape[-1])))
    high = float(np.quantile(near @ LUMA, 0.9))
    bright = float(np.quantile(far @ LUMA, 0.95))
    level = float(np.exp(NEAR * np.log(max(high, 1e-3)) + WHOLE * np.log(max(bright, 1e-3))))
    means = [np.power(np.mean(pixels.astype(np.float64) ** 6, axis=0), 1 / 6) + 1e-4 for pixels in (near, far)]
    logs = sum(np.log(mean / mean.mean()) / 2 for mean in means)
    cast = np.exp(logs)
    red, green, blue = (float(value) for value in cast / cast.mean())
    return Light(level, high, (red, green, blue), float(np.quantile(near @ LUMA, 0.02)))


def change_of_light(image: np.ndarray, solid: np.ndarray, light: Light) -> float:
    """The factor on linear intensities that puts a cut-out into a light, in [LEAST, MOST].

    It is darkened no further than its brightest parts meet those of the surroundings, and never brightened past white.
    image: (h, w, 3) uint8 RGB; solid: (h, w) bool, what of it is the cut-out; 1 for under FEWEST pixels.
    """
    if np.count_nonzero(solid) < FEWEST:
        return 1.0
    own = max(float(np.quantile(_linear(_sampled(image[solid])) @ LUMA, 0.95)), 1e-3)
    gain = (light.level / USUAL) ** STRENGTH
    gain = max(gain, min(1.0, light.high / own)) if gain < 1 else min(gain, max(1.0, 0.95 / own))
    return float(np.clip(gain, LEAST, MOST))


def relit(image: np.ndarray, solid: np.ndarray, light: Light) -> np.ndarray:
    """``image`` (h, w, 3) uint8 RGB as it would look in a light: brightness, cast and depth of its blacks."""
    if np.count_nonzero(solid) < FEWEST:
        return image
    cast = np.clip(np.asarray(light.cast) ** CAST_STRENGTH, 1 / CAST_MOST, CAST_MOST)
    cast /= float(cast @ LUMA)
    lift = min(HAZE * light.black, DEEPEST)
    steps = np.arange(256, dtype=np.float64)[:, None] / 255  # pixel by pixel, so a table of 256 values a channel does
    linear = steps**GAMMA * change_of_light(image, solid, light) * cast * (1 - lift) + lift * cast
    table = np.rint(255 * np.clip(linear, 0, 1) ** (1 / GAMMA)).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), table[None]))  # indexing would take 8 bytes a pixel


def _linear(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) / 255) ** GAMMA


def _sampled(pixels: np.ndarray) -> np.ndarray:
    """Every k-th of very many pixels (n, 3)."""
    return pixels[:: 1 + len(pixels) // SAMPLES]
