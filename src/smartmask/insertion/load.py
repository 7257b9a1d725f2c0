"""Inserters by name: paste, a SmartBrush folder, or a diffusers folder or hub name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from smartmask.insertion.inpainter import Inpainter
from smartmask.io.reading import read_json


def _paste(name: str | Path, **options: Any) -> Inpainter:
    from smartmask.insertion.paste import PasteInpainter

    return PasteInpainter(**options)


def _smartbrush(name: str | Path, **options: Any) -> Inpainter:
    from smartmask.insertion.smartbrush.pipeline import SmartBrushPipeline

    return SmartBrushPipeline.from_pretrained(name, **options)


def _stable_diffusion(name: str | Path, **options: Any) -> Inpainter:
    from smartmask.insertion.stable_diffusion.inpaint import DiffusionInpainter

    return DiffusionInpainter.from_pretrained(name, **options)


def _blended(name: str | Path, **options: Any) -> Inpainter:
    from smartmask.insertion.stable_diffusion.blended import BlendedInpainter

    return BlendedInpainter.from_pretrained(name, **options)


def _repaint(name: str | Path, **options: Any) -> Inpainter:
    from smartmask.insertion.stable_diffusion.repaint import RePaintInpainter

    return RePaintInpainter.from_pretrained(name, **options)


# A name of its own, or the _class_name of a folder's model_index.json: what loads it. A new inserter is a line here.
INSERTERS: dict[str, Callable[..., Inpainter]] = {"paste": _paste, "SmartBrushPipeline": _smartbrush}

# How a text-to-image model paints inside a mask that it was not trained for.
METHODS: dict[str, Callable[..., Inpainter]] = {"blended": _blended, "repaint": _repaint}


def load_inpainter(name: str | Path, **options: Any) -> Inpainter:
    """The inserter of a name or folder; ``options`` (device, dtype, controlnet, cutout, ...) go to its loader.

    "paste" pastes a cut-out of the user's own. Anything else is a folder or hub name; its ``model_index.json`` tells
    which of INSERTERS it is, and what none of them is goes to diffusers. ``method``: one of METHODS, by which a plain
    text-to-image model paints inside a mask; None is diffusers' own pipeline for inpainting.
    Raises ValueError for what cannot be an inserter, in one sentence.
    """
    method = options.pop("method", None)
    if method is not None:
        if method not in METHODS:
            raise ValueError(f"The method is '{method}'; use {' or '.join(METHODS)}.")
        return METHODS[method](name, **options)
    kind = str(name) if str(name) in INSERTERS else _class_name(Path(name))
    return INSERTERS.get(kind or "", _stable_diffusion)(name, **options)


def _class_name(folder: Path) -> str | None:
    """``_class_name`` of a local folder's model_index.json; None for a hub name, or where it cannot be read."""
    try:
        return str(read_json(folder / "model_index.json")["_class_name"])
    except (ValueError, KeyError, TypeError):
        return None
