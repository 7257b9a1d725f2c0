"""What a ControlNet is shown: the layout in ADE20K's colours, or the crop with the mask cut out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smartmask.insertion.stable_diffusion.families import Family
from smartmask.scene import Scene

CONTROLS = ("seg", "inpaint")
CUT_OUT = -1.0  # of a masked pixel, where others are 0 to 1: how ControlNet 1.1's inpainting model was trained


def control_kind(kind: str | None, controlnet: str | Path | None) -> str:
    """The kind asked for; else inpaint for a ControlNet whose name has that word, seg for any other.

    ValueError for a kind that is not known.
    """
    if kind is None:
        return "inpaint" if controlnet is not None and "inpaint" in Path(controlnet).name.lower() else "seg"
    if kind not in CONTROLS:
        raise ValueError(f"The control is '{kind}'; use {' or '.join(CONTROLS)}.")
    return kind


def layout_picture(scene: Scene, size: tuple[int, int], family: Family) -> Any:
    """The layout as a segmentation ControlNet sees it: a PIL picture of ``size`` (height, width)."""
    from PIL import Image

    return Image.fromarray(family.control_colours(scene)).resize(size[::-1], Image.Resampling.NEAREST)


def cut_out_picture(image: np.ndarray, mask: np.ndarray) -> Any:
    """``(1, 3, H, W)`` float32 tensor: the (H, W, 3) uint8 crop in [0, 1], CUT_OUT inside the (H, W) mask."""
    import torch

    shown = np.where(mask[..., None], np.float32(CUT_OUT), image.astype(np.float32) / 255)
    return torch.from_numpy(shown.transpose(2, 0, 1)[None].astype(np.float32))
