"""Class maps of blocks, in VOC's own form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smartmask.image.files import save_png


def class_maps(folder: Path, count: int) -> Path:
    """VOC's class maps of blocks."""
    maps = folder / "SegmentationClass"
    maps.mkdir(parents=True)
    for number in range(count):
        labels = np.random.default_rng(number).integers(0, 9, (6, 8)).astype(np.uint8)
        save_png(np.kron(labels, np.ones((8, 8), np.uint8)), maps / f"2007_{number:06d}.png")
    return folder
