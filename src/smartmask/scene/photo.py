"""Scenes of photographs without a layout: what a panoptic model reads in them, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from smartmask.scene.scene import Scene
from smartmask.scene.segment import Reading, read_layers, read_photo


def scene_from_image(image: str | Path | np.ndarray, model: str | Path | None = None, **options: Any) -> Scene:
    """The scene of a photograph: layers of what is visible, back to front, pixels nobody is sure of unlabeled.

    Arguments and errors are those of ``segment.read_layers``.
    """
    return _scene(read_layers(image, model, **options))


def scene_of_photo(
    image: str | Path | np.ndarray, model: str | Path | None = None, *, cache: str | Path | None = None
) -> tuple[Scene, tuple[str, ...]]:
    """``(scene, notes)`` of a photograph by what is at hand; unlabeled, with a note, where that is nothing.

    Arguments and errors are those of ``segment.read_photo``.
    """
    reading, notes = read_photo(image, model, cache=cache)
    return _scene(reading), notes


def _scene(reading: Reading) -> Scene:
    height, width = reading.photo.shape[:2]
    return Scene(height, width, reading.layers, reading.photo, source=reading.source)
