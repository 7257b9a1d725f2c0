"""SmartMask: type an object, get precise masks of where and how it could stand in a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smartmask.guidance import Blob, Box, MaskGuide, Point, Scribble
from smartmask.scene import Layer, Scene

if TYPE_CHECKING:
    from smartmask.pipelines.insert import insert
    from smartmask.pipelines.mask import SmartMaskPipeline
    from smartmask.pipelines.remove import remove

__version__ = "0.1.0"
__all__ = [
    "Blob",
    "Box",
    "Layer",
    "MaskGuide",
    "Point",
    "Scene",
    "Scribble",
    "SmartMaskPipeline",
    "__version__",
    "insert",
    "remove",
]


def __getattr__(name: str) -> Any:
    # The pipeline imports torch (over a second); scenes and guides do not need it.
    if name == "SmartMaskPipeline":
        from smartmask.pipelines.mask import SmartMaskPipeline

        return SmartMaskPipeline
    if name in ("insert", "remove"):
        import importlib

        return getattr(importlib.import_module(f"smartmask.pipelines.{name}"), name)
    raise AttributeError(f"module 'smartmask' has no attribute '{name}'")
