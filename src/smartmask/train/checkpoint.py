"""Training checkpoints: folders of safetensors and JSON, written whole or not at all, checked when read.

A checkpoint ``step_00001000/`` holds ``state.safetensors`` (network, average, optimiser, torch's random states) and
``state.json`` (step, settings, positions, other random states, the file's sha256). It is written beside and renamed, so
a folder of that name is complete unless something damaged it later; then it is named and the one before is used.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from smartmask.io.publish import remove_folder, replacing_folder, save_json, save_tensors
from smartmask.io.reading import open_file, read_json, read_tensors

KEEP = 3


def save(folder: Path, step: int, tensors: dict[str, torch.Tensor], meta: dict[str, Any]) -> Path:
    """Writes checkpoint ``step`` under ``folder`` atomically and drops all but the newest three."""
    target = folder / f"step_{step:08d}"
    with replacing_folder(target) as partial:
        state = partial / "state.safetensors"
        save_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, state)
        save_json({**meta, "step": step, "sha256": _digest(state)}, partial / "state.json", indent=1)
    for old in _all(folder)[:-KEEP]:
        remove_folder(old)
    return target


def load_latest(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], list[str]] | None:
    """The newest sound checkpoint: ``(tensors, meta, warnings)``; None if there is none at all.

    Each damaged checkpoint met on the way gives one warning sentence that names it. If all are
    damaged, a ValueError says so: starting over silently would lose the run.
    """
    warnings: list[str] = []
    found = _all(folder)
    for path in reversed(found):
        try:
            return *_load(path), warnings
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            warnings.append(f"Checkpoint {path} is damaged ({error}); the one before it is used.")
    if found:
        raise ValueError(f"Every checkpoint under {folder} is damaged, the newest being {found[-1].name}; remove them.")
    return None


def _load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    meta = read_json(path / "state.json", "state")
    state = path / "state.safetensors"
    if _digest(state) != meta["sha256"]:
        raise ValueError("its checksum does not match")
    tensors = read_tensors(state, "state", finite=False)[0]  # a run that went astray is no damaged file
    return {name: torch.tensor(array) for name, array in tensors.items()}, meta


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_????????")) if folder.is_dir() else []


def _digest(path: Path) -> str:
    with open_file(path, "state", "weights_mb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flatten_optimizer(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, torch.Tensor]:
    """An optimiser's tensors as ``{prefix.index.key: tensor}``; numbers become 0-d tensors."""
    flat: dict[str, torch.Tensor] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            flat[f"{prefix}.{index}.{key}"] = torch.as_tensor(value)
    return flat


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], prefix: str) -> None:
    """Loads what ``flatten_optimizer`` gave into an optimiser of the same parameters."""
    own = optimizer.state_dict()
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix + "."):
            index, key = name[len(prefix) + 1 :].split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": own["param_groups"]})


def under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of ``{prefix.name: tensor}``, by name."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(prefix + ".")}


def seed_everything(seed: int, rank: int) -> None:
    """Seeds python's, numpy's and torch's generators, each process's by its rank."""
    one, two, three = np.random.SeedSequence([seed, rank]).generate_state(3).tolist()
    random.seed(one)
    np.random.seed(two)  # noqa: NPY002 - the global one, which libraries may draw from
    torch.manual_seed(three)


def random_states() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The states of this process's generators: torch's as tensors, python's and numpy's in JSON's types."""
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    version, numbers, spare = random.getstate()
    legacy: dict[str, Any] = np.random.get_state(legacy=False)  # type: ignore[assignment]  # noqa: NPY002
    held = {**legacy, "state": {**legacy["state"], "key": legacy["state"]["key"].tolist()}}
    return tensors, {"python": [version, list(numbers), spare], "numpy": held}


def restore_random_states(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Sets what ``random_states`` gave."""
    torch.set_rng_state(tensors["cpu"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
    version, numbers, spare = state["python"]
    random.setstate((version, tuple(numbers), spare))
    held = state["numpy"]["state"]
    np.random.set_state({**state["numpy"], "state": {**held, "key": np.array(held["key"], np.uint32)}})  # noqa: NPY002
