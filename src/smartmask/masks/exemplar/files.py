"""The saved form of the exemplar model: a folder a component, JSON and safetensors, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.io.checks import check_licences, is_open
from smartmask.io.components import save_component
from smartmask.io.package import VERSION
from smartmask.io.reading import read_json
from smartmask.masks.exemplar.choose import Chooser
from smartmask.masks.exemplar.guess import StrokeTable
from smartmask.masks.exemplar.memory import TIERS, Memory, join, read_memory, write_memory
from smartmask.masks.exemplar.model import ExemplarModel
from smartmask.masks.exemplar.sight import ExemplarDefaults
from smartmask.text.encoder import TextEncoder

CLASS = "ExemplarModel"
COMPONENTS = {"text": "TextEncoder", "memory": "Memory", "chooser": "Chooser", "place": "Places"}


def load_model(root: Path, licences: str = "all", own: str | Path | None = None) -> ExemplarModel:
    """The model in a folder. Raises ValueError, naming the file, if something is missing or damaged."""
    from smartmask.masks.exemplar.own import read_own
    from smartmask.masks.exemplar.place import load_places

    check_licences(licences)
    index = read_index(root)
    text = load_text(root)
    try:
        defaults = ExemplarDefaults(**index.get("defaults", {}))
    except TypeError as error:
        raise ValueError(f"{root / 'model_index.json'} has unfit defaults ({error}); restore it.") from None
    chooser = Chooser.load(root / "chooser")
    strokes = StrokeTable.load(root / "chooser" / "strokes.safetensors")
    memory = join([*load_memories(root, licences).values(), *read_own(own, chooser, licences)])
    return ExemplarModel(text, memory, chooser, strokes, load_places(root / "place", text), defaults)


def load_memories(root: Path, licences: str = "all") -> dict[str, Memory]:
    """``{tier: memory}`` of a folder of weights."""
    tiers = TIERS if licences == "all" else ("open",)
    return {tier: read_memory(root / "memory" / f"{tier}.safetensors") for tier in tiers}


def load_text(root: Path) -> TextEncoder:
    """The vocabulary of a folder of weights."""
    try:
        return TextEncoder.from_pretrained(root / "text")
    except FileNotFoundError as error:
        raise ValueError(str(error)) from None


def read_index(root: Path) -> dict[str, Any]:
    """``model_index.json`` of a folder. Raises ValueError, saying what would be right, if it is none of this model."""
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder of SmartMask weights; leave it out to use the bundled ones.")
    file = root / "model_index.json"
    index = read_json(file, "model index")
    if not isinstance(index, dict) or index.get("_class_name") != CLASS:
        raise ValueError(f"{file} does not describe a {CLASS}; give another folder.")
    return index


def save_model(model: ExemplarModel, target: Path) -> None:
    """Writes a folder that ``load_model`` reads; the memory by the licence tiers of its sets."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_component(partial / "chooser", model.chooser, model.chooser.config)
    model.strokes.save(partial / "chooser" / "strokes.safetensors")
    model.places.save(partial / "place")  # type: ignore[attr-defined]
    model.text.save_pretrained(partial / "text")
    save_memories(partial / "memory", by_tier(model.memory))
    write_index(partial, asdict(model.defaults))
    if target.exists():
        shutil.rmtree(target)
    os.replace(partial, target)


def by_tier(memory: Memory) -> dict[str, Memory]:
    """A memory parted by licence: "open" where all may use it for anything, "research" for the rest."""
    free = np.array([is_open(licence) for _, licence in memory.sets], bool)
    is_free = free[memory.set] if len(memory) else np.zeros(0, bool)
    rows = {"open": np.flatnonzero(is_free), "research": np.flatnonzero(~is_free)}
    return {tier: memory.select(found) for tier, found in rows.items()}


def save_memories(folder: Path, memories: Mapping[str, Memory]) -> None:
    """One file a tier."""
    folder.mkdir(parents=True, exist_ok=True)
    for tier, memory in memories.items():
        (folder / f"{tier}.safetensors").write_bytes(write_memory(memory))


def write_index(folder: Path, defaults: Mapping[str, Any]) -> None:
    """``model_index.json``."""
    index = {
        "_class_name": CLASS, "_smartmask_version": VERSION,
        **{name: ["smartmask", kind] for name, kind in COMPONENTS.items()}, "defaults": dict(defaults),
    }  # fmt: skip
    (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
