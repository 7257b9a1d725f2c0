"""SmartMask: type an object, get precise masks of where and how it could stand in a scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smartmask.io.package import VERSION

if TYPE_CHECKING:
    from smartmask.guides import Blob, Box, MaskGuide, Point, Polygon, Scribble
    from smartmask.insertion.pipeline import insert
    from smartmask.insertion.remove import remove
    from smartmask.masks.model import MaskOutput, MaskRequest, Suggestion
    from smartmask.masks.pipeline import SmartMaskPipeline
    from smartmask.plan.layouts.pipeline import draw_layout
    from smartmask.scene import Layer, Scene

__version__ = VERSION
__all__ = [
    "Blob",
    "Box",
    "Layer",
    "MaskGuide",
    "MaskOutput",
    "MaskRequest",
    "Point",
    "Polygon",
    "Scene",
    "Scribble",
    "SmartMaskPipeline",
    "Suggestion",
    "__version__",
    "draw_layout",
    "insert",
    "remove",
]


def __getattr__(name: str) -> Any:
    """Imported when first used: the pipeline brings torch (over a second), scenes numpy and OpenCV, and the command
    must be able to catch Ctrl-C from its first moments on."""
    if name not in __all__:
        raise AttributeError(f"module 'smartmask' has no attribute '{name}'")
    if name in ("Layer", "Scene"):
        from smartmask.scene import Layer, Scene

        return {"Layer": Layer, "Scene": Scene}[name]
    if name in ("MaskRequest", "Suggestion"):
        from smartmask.masks.model import MaskRequest, Suggestion

        return {"MaskRequest": MaskRequest, "Suggestion": Suggestion}[name]
    if name in ("MaskOutput", "SmartMaskPipeline"):
        from smartmask.masks.model import MaskOutput
        from smartmask.masks.pipeline import SmartMaskPipeline

        return {"MaskOutput": MaskOutput, "SmartMaskPipeline": SmartMaskPipeline}[name]
    if name in ("insert", "remove"):
        from smartmask.insertion.pipeline import insert
        from smartmask.insertion.remove import remove

        return {"insert": insert, "remove": remove}[name]
    if name == "draw_layout":
        from smartmask.plan.layouts.pipeline import draw_layout

        return draw_layout
    from smartmask import guides

    return getattr(guides, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
