"""Mask models by their saved form: the folder of a name, and the class that its ``model_index.json`` speaks of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from smartmask.io.hub import fetched_folder
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.reading import read_json
from smartmask.io.sentences import short_repr
from smartmask.masks.model import MaskModel

WHAT = "mask model"
WITHOUT = "without it the bundled weights work, offline"


def _exemplar(folder: Path, **options: Any) -> MaskModel:
    from smartmask.masks.exemplar.files import load_model

    return load_model(folder, options["licences"], options["memory"])


def _save_exemplar(model: MaskModel, folder: Path) -> None:
    from smartmask.masks.exemplar.files import save_model

    save_model(model, folder)  # type: ignore[arg-type]


def _latent(folder: Path, **_: Any) -> MaskModel:
    from smartmask.masks.latent.model import SmartMaskLatentModel

    return SmartMaskLatentModel.from_pretrained(folder)


def _save_latent(model: MaskModel, folder: Path) -> None:
    model.save_pretrained(folder)  # type: ignore[attr-defined]


# _class_name of model_index.json: what loads it from a folder with the pipeline's options, and what saves it there.
# A new model is a line here.
MODELS: dict[str, tuple[Callable[..., MaskModel], Callable[[Any, Path], None]]] = {
    "ExemplarModel": (_exemplar, _save_exemplar),
    "SmartMaskLatentModel": (_latent, _save_latent),
}


def load_mask_model(name: str | Path | None = None, *, revision: str | None = None, **options: Any) -> MaskModel:
    """The mask model of a folder or hub name; None for the bundled one.

    options: ``licences`` and ``memory``, as ``SmartMaskPipeline.from_pretrained`` takes them.
    Raises ValueError, naming the file, if something is missing, damaged or no mask model; ModelMissingError for a hub
    name that is not here and cannot be fetched.
    """
    if name is None:
        folder = BUNDLED_MASKS
    else:
        folder = fetched_folder(name, WHAT, WITHOUT, revision)
        if not (folder / "model_index.json").is_file():
            raise ValueError(f"{folder} has no model_index.json; give a folder written by save_pretrained.")
    index = read_json(folder / "model_index.json", "model index")
    kind = str(index.get("_class_name") if isinstance(index, dict) else index)
    if kind not in MODELS:
        known = ", ".join(MODELS)
        index = folder / "model_index.json"
        raise ValueError(f"{index} is of {short_repr(kind)}, which is no mask model; known are {known}.")
    return MODELS[kind][0](folder, **options)


def save_mask_model(model: MaskModel, folder: Path) -> None:
    """Writes a folder that ``load_mask_model`` reads. Raises ValueError for a model of no known class."""
    kind = type(model).__name__
    if kind not in MODELS:
        raise ValueError(f"A {kind} has no saved form here; known are {', '.join(MODELS)}.")
    MODELS[kind][1](model, folder)
