"""The saved form of the exemplar model: a folder a component, JSON and safetensors, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.io.checks import check_licences, is_open
from smartmask.io.components import save_component
from smartmask.io.integrity import SUMS, check_sums, settings_of, sums_of
from smartmask.io.package import VERSION
from smartmask.io.publish import replacing_folder, save_bytes, save_json
from smartmask.io.reading import read_json
from smartmask.masks.exemplar.choose import Chooser
from smartmask.masks.exemplar.guess import StrokeTable
from smartmask.masks.exemplar.memory import TIERS, Memory, join, read_memory, write_memory
from smartmask.masks.exemplar.model import ExemplarModel
from smartmask.masks.exemplar.sight import ExemplarDefaults
from smartmask.text.encoder import TextEncoder

CLASS = "ExemplarModel"
INDEX = "model_index.json"
DEFAULTS = {"near": (1, 1000), "near_first": (1, 1000), "blend": (0, 1), "blend_first": (0, 1), "paint": (0, 1)}
COMPONENTS = {"text": "TextEncoder", "memory": "Memory", "chooser": "Chooser", "place": "Places"}


def load_model(root: Path, licences: str = "all", own: str | Path | None = None) -> ExemplarModel:
    """The model in a folder. Raises ValueError, naming the file, if something is missing or damaged."""
    from smartmask.masks.exemplar.own import read_own
    from smartmask.masks.exemplar.place import load_places

    check_licences(licences)
    index = read_index(root)
    defaults = settings_of(ExemplarDefaults, index.get("defaults", {}), root / INDEX, DEFAULTS, "defaults")
    check_sums(root / INDEX, index)
    text = load_text(root)
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
    file = root / INDEX
    index = read_json(file, "model index", unique=True)
    if not isinstance(index, dict) or index.get("_class_name") != CLASS:
        raise ValueError(f"{file} does not describe a {CLASS}; give another folder.")
    return index


def save_model(model: ExemplarModel, target: Path) -> None:
    """Writes a folder that ``load_model`` reads; the memory by the licence tiers of its sets."""
    with replacing_folder(target) as partial:
        save_component(partial / "chooser", model.chooser, model.chooser.config)
        model.strokes.save(partial / "chooser" / "strokes.safetensors")
        model.places.save(partial / "place")  # type: ignore[attr-defined]
        model.text.save_pretrained(partial / "text")
        save_memories(partial / "memory", by_tier(model.memory))
        write_index(partial, asdict(model.defaults))


def by_tier(memory: Memory) -> dict[str, Memory]:
    """A memory parted by licence: "open" where all may use it for anything, "research" for the rest."""
    free = np.array([is_open(licence) for _, licence in memory.sets], bool)
    is_free = free[memory.set] if len(memory) else np.zeros(0, bool)
    rows = {"open": np.flatnonzero(is_free), "research": np.flatnonzero(~is_free)}
    return {tier: memory.select(found) for tier, found in rows.items()}


def save_memories(folder: Path, memories: Mapping[str, Memory]) -> None:
    """One file a tier."""
    with replacing_folder(folder) as partial:
        for tier, memory in memories.items():
            save_bytes(write_memory(memory), partial / f"{tier}.safetensors")


def write_index(folder: Path, defaults: Mapping[str, Any]) -> None:
    """``model_index.json``, with the checksums of what lies in the folder."""
    index = {
        "_class_name": CLASS, "_smartmask_version": VERSION,
        **{name: ["smartmask", kind] for name, kind in COMPONENTS.items()}, "defaults": dict(defaults),
        SUMS: sums_of(folder, [file for part in COMPONENTS for file in _files(folder, part)]),
    }  # fmt: skip
    save_json(index, folder / INDEX, indent=1)


def _files(folder: Path, part: str) -> list[str]:
    """The files of a component whose checksums the index holds: those that its own config does not vouch for."""
    config = folder / part / "config.json"
    vouched = read_json(config, "config").get(SUMS, {}) if config.exists() else {}
    files = [*(folder / part).glob("*.json"), *(folder / part).glob("*.safetensors")]
    return sorted(f"{part}/{file.name}" for file in files if file.name not in vouched)
