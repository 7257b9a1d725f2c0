"""Inserters by name: paste, a SmartBrush folder, or a diffusers folder or hub name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smartmask.insertion.inpainter import Inpainter


def load_inpainter(name: str | Path, **options: Any) -> Inpainter:
    """The inserter of a name or folder; ``options`` (device, dtype, controlnet, cutout, ...) go to its loader.

    "paste" pastes a cut-out of the user's own. Anything else is a folder or hub name; its
    ``model_index.json`` tells SmartBrush's own format from that of diffusers.
    Raises ValueError for what cannot be an inserter, in one sentence.
    """
    if str(name) == "paste":
        from smartmask.insertion.paste import PasteInpainter

        return PasteInpainter(**options)
    if _class_name(Path(name)) == "SmartBrushPipeline":
        from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline

        return SmartBrushPipeline.from_pretrained(name, **options)
    from smartmask.insertion.stable_diffusion.inpaint import DiffusionInpainter

    return DiffusionInpainter.from_pretrained(name, **options)


def _class_name(folder: Path) -> str | None:
    """``_class_name`` of a local folder's model_index.json; None for a hub name, or where it cannot be read."""
    try:
        return str(json.loads((folder / "model_index.json").read_text(encoding="utf-8"))["_class_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
