"""Paste: the inserter that needs no model. A cut-out of the user's own is scaled into the chosen mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smartmask.geometry import mask_box, mask_iou
from smartmask.image.composition import FAINT
from smartmask.insertion.cutout import read_cutout
from smartmask.insertion.inpainter import Painting, PaintRequest
from smartmask.insertion.settings import Fit

BETTER = 0.02  # IoU by which the mirrored silhouette must agree better: a near tie is no reason to mirror


class PasteInpainter:
    """Pastes a cut-out where the mask is; its silhouette becomes the object's mask.

    cutout, mask, segmenter, prompt, defringe: as in ``read_cutout``. fit "keep" scales it evenly until
    it touches two sides of the mask's box, standing on the box's lower edge: a photographed thing
    that is stretched looks wrong at once, and most things stand on something. "stretch" makes its box
    the mask's box. mirror: True, False, or None to mirror it where that agrees better with the mask.
    Raises ValueError, in one sentence, for a picture of which nothing can be cut out.
    """

    name = "paste"
    side: int | None = None

    def __init__(
        self,
        cutout: str | Path | np.ndarray | None = None,
        fit: Fit = "keep",
        mirror: bool | None = None,
        *,
        mask: str | Path | np.ndarray | None = None,
        segmenter: str | Path | None = None,
        prompt: str | None = None,
        defringe: float | None = None,
    ) -> None:
        if cutout is None:
            raise ValueError("The inserter 'paste' has nothing to paste; give a cut-out: an RGBA PNG.")
        if fit not in ("keep", "stretch"):
            raise ValueError(f"The fit is {fit!r}; use 'keep' (the cut-out's own aspect) or 'stretch'.")
        self.fit, self.mirror = fit, mirror
        self.cutout = read_cutout(cutout, mask, segmenter, prompt, defringe)

    def __call__(self, request: PaintRequest) -> Painting:
        """The cut-out in the crop; ``outline`` is its silhouette, ``alpha`` its own transparency."""
        height, width = request.amodal.shape
        box = mask_box(request.amodal)
        if box is None:
            raise ValueError(f"The mask of '{request.prompt}' is empty; choose another one.")
        x0, y0, x1, y1 = (int(edge) for edge in box)
        tall, wide = self._size(y1 - y0, x1 - x0)
        top, left = y1 - tall, x0 + (x1 - x0 - wide) // 2
        mirrored = self._mirrored(request.amodal[top:y1, left : left + wide])
        pasted = self.cutout.scaled(tall, wide, mirrored)
        image, alpha = np.zeros((height, width, 3), dtype=np.uint8), np.zeros((height, width), dtype=np.float32)
        place = slice(top, y1), slice(left, left + wide)
        alpha[place] = np.clip(pasted[..., 3] / 255, 0, 1)
        image[place] = np.clip(np.rint(pasted[..., :3] / np.maximum(alpha[place][..., None], 1e-6)), 0, 255)
        if request.callback is not None:
            request.callback(1, 1)
        return Painting(image, alpha, outline=alpha >= FAINT)

    def _size(self, tall: int, wide: int) -> tuple[int, int]:
        if self.fit == "stretch":
            return tall, wide
        rows, columns = self.cutout.premultiplied.shape[:2]
        factor = min(tall / rows, wide / columns)
        return min(max(round(rows * factor), 1), tall), min(max(round(columns * factor), 1), wide)

    def _mirrored(self, mask: np.ndarray) -> bool:
        """Whether to mirror: as told, else by the IoU of the silhouette with the mask where it will lie."""
        if self.mirror is not None:
            return self.mirror
        silhouette = self.cutout.scaled(mask.shape[0], mask.shape[1], False)[..., 3] >= 127.5
        return mask_iou(silhouette[:, ::-1], mask) > mask_iou(silhouette, mask) + BETTER
