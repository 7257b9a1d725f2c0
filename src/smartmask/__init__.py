"""SmartMask: type an object, get precise masks of where and how it could stand in a scene."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smartmask.guidance import Blob, Box, MaskGuide, Point, Scribble
    from smartmask.masks.model import MaskRequest
    from smartmask.masks.pipeline import MaskOutput, SmartMaskPipeline
    from smartmask.pipelines.insert import insert
    from smartmask.pipelines.remove import remove
    from smartmask.scene import Layer, Scene

__version__ = "0.1.0"
__all__ = [
    "Blob",
    "Box",
    "Layer",
    "MaskGuide",
    "MaskOutput",
    "MaskRequest",
    "Point",
    "Scene",
    "Scribble",
    "SmartMaskPipeline",
    "__version__",
    "insert",
    "remove",
]

# Imported when first used: the pipeline brings torch (over a second), scenes numpy and OpenCV, and the command
# must be able to catch Ctrl-C from its first moments on.
_HOMES = dict.fromkeys(("Blob", "Box", "MaskGuide", "Point", "Scribble"), "guidance")
_HOMES |= dict.fromkeys(("Layer", "Scene"), "scene")
_HOMES |= {"SmartMaskPipeline": "masks.pipeline", "MaskOutput": "masks.pipeline", "MaskRequest": "masks.model"}
_HOMES |= {"insert": "pipelines.insert", "remove": "pipelines.remove"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'smartmask' has no attribute '{name}'")
    return getattr(importlib.import_module(f"smartmask.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
