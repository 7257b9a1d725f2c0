"""Training checkpoints: folders of safetensors and JSON, written whole or not at all, checked when read.

A checkpoint ``step_00001000/`` holds ``shard_00000_00000.safetensors`` ... (by process, then files of at most
FILE_BYTES) and ``state.json`` (step, settings, position; of each file its sha256 and which rows of which tensors it
holds). Weights that processes share out are written by each of them and read by any number. The folder is written
beside and renamed, so one of that name is complete unless something damaged it later; then it is named and the one
before is used.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from smartmask.io.publish import remove_folder, save_json, save_tensors
from smartmask.io.reading import open_file, read_json, read_tensors, tensor_names
from smartmask.train.parallel import ALONE, Part, Team, part_of

KEEP = 3
FILE_BYTES = 1 << 30  # of tensors in a file: one is read into memory at a time
STATE = "state.json"
# a tensor's name and the shape of the whole -> where its rows go; None: nowhere
Find = Callable[[str, tuple[int, ...]], Part | None]


def save(folder: Path, step: int, parts: Mapping[str, Part], meta: dict[str, Any], team: Team = ALONE) -> Path:
    """Writes checkpoint ``step`` under ``folder`` atomically and drops all but the newest three.

    parts: what this process holds; of what all hold, the main one's is written.
    """
    target = folder / f"step_{step:08d}"
    own = {name: part for name, part in parts.items() if _is_mine(part, team)}
    with team.folder(target) as partial:
        told = team.each(lambda: _write(partial, own, team.rank))
        if team.main:
            files = [one for each in told for one in each]
            save_json({**meta, "step": step, "files": files}, partial / STATE, indent=1)
    if team.main:
        for old in _all(folder)[:-KEEP]:
            remove_folder(old)
    team.wait()
    return target


def _is_mine(part: Part, team: Team) -> bool:
    return team.main if part.whole else part.local.numel() > 0


def _write(folder: Path, parts: Mapping[str, Part], rank: int) -> list[dict[str, Any]]:
    """The files of one process, and what is told of them."""
    told = []
    for number, names in enumerate(_batches(parts)):
        path = folder / f"shard_{rank:05d}_{number:05d}.safetensors"
        save_tensors({name: parts[name].local.cpu().contiguous() for name in names}, path)
        told.append(
            {"file": path.name, "sha256": _digest(path), "tensors": {name: _about(parts[name]) for name in names}}
        )
    return told


def _about(part: Part) -> dict[str, Any]:
    return {"start": part.start, "numbers": part.local.numel(), "shape": list(part.shape)}


def _batches(parts: Mapping[str, Part]) -> Iterator[list[str]]:
    """Names in files: a new one where the next tensor would make it larger than FILE_BYTES."""
    names: list[str] = []
    size = 0
    for name, part in parts.items():
        more = part.local.numel() * part.local.element_size()
        if names and size + more > FILE_BYTES:
            yield names
            names, size = [], 0
        names.append(name)
        size += more
    if names:
        yield names


class Saved:
    """A sound checkpoint. meta: what was saved with it; warnings: sentences on newer ones that are not sound."""

    def __init__(self, path: Path, meta: dict[str, Any], warnings: list[str]) -> None:
        self.path, self.meta, self.warnings = path, meta, warnings

    @property
    def names(self) -> set[str]:
        """Of all its tensors."""
        return {name for file in self.meta["files"] for name in file["tensors"]}

    @torch.no_grad()
    def fill(self, find: Find) -> None:
        """Copies what is saved to where ``find`` says, file by file."""
        for file in self.meta["files"]:
            places = {name: find(name, tuple(about["shape"])) for name, about in file["tensors"].items()}
            if not any(places.values()):
                continue
            arrays = read_tensors(self.path / file["file"], "state", finite=False)[0]  # a run astray is no damage
            for name, place in places.items():
                if place is not None:
                    _copy(torch.tensor(arrays[name]), int(file["tensors"][name]["start"]), place)

    def whole(self) -> dict[str, torch.Tensor]:
        """All tensors, put together."""
        made: dict[str, torch.Tensor] = {}
        for file in self.meta["files"]:
            arrays = read_tensors(self.path / file["file"], "state", finite=False)[0]
            for name, about in file["tensors"].items():
                array = torch.tensor(arrays[name])
                whole = made.setdefault(name, torch.zeros(about["shape"], dtype=array.dtype))
                _copy(array, int(about["start"]), Part(whole, 0, tuple(whole.shape)))
        return made


def _copy(rows: torch.Tensor, start: int, place: Part) -> None:
    """Copies the rows that both hold. rows: from ``start`` on."""
    if rows.ndim == 0:
        place.local.copy_(rows)
        return
    first = max(start, place.start)
    last = min(start + len(rows), place.start + len(place.local))
    if last > first:
        place.local[first - place.start : last - place.start].copy_(rows[first - start : last - start])


def load_latest(folder: Path, team: Team = ALONE) -> Saved | None:
    """The newest sound checkpoint; None if there is none at all.

    Each damaged checkpoint met on the way gives one warning sentence that names it. If all are
    damaged, a ValueError says so: starting over silently would lose the run.
    """
    found = team.agree(lambda: _find_latest(folder))
    return None if found is None else Saved(Path(found[0]), found[1], found[2])


def _find_latest(folder: Path) -> tuple[str, dict[str, Any], list[str]] | None:
    warnings: list[str] = []
    found = _all(folder)
    for path in reversed(found):
        try:
            return str(path), _checked(path), warnings
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            warnings.append(f"Checkpoint {path} is damaged ({error}); the one before it is used.")
    if found:
        raise ValueError(f"Every checkpoint under {folder} is damaged, the newest being {found[-1].name}; remove them.")
    return None


def _checked(path: Path) -> dict[str, Any]:
    """What ``state.json`` tells, its files being there, sound, and together all of each tensor."""
    meta: dict[str, Any] = read_json(path / STATE, "state")
    held: Counter[str] = Counter()
    for file in meta["files"]:
        path_of_file = path / file["file"]
        if _digest(path_of_file) != file["sha256"] or tensor_names(path_of_file) != set(file["tensors"]):
            raise ValueError(f"{file['file']} is not as its checksum or its names tell")
        held.update({name: about["numbers"] for name, about in file["tensors"].items()})
    whole = {name: math.prod(about["shape"]) for file in meta["files"] for name, about in file["tensors"].items()}
    missing = [name for name in whole if held[name] != whole[name]]
    if missing:
        raise ValueError(f"it holds {held[missing[0]]} of the {whole[missing[0]]} numbers of {missing[0]}")
    return meta


def _all(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_????????")) if folder.is_dir() else []


def _digest(path: Path) -> str:
    with open_file(path, "state", "weights_mb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare(folder: Path, found: Saved, fixed: Mapping[str, Any], weights: Iterable[str], free: set[str]) -> None:
    """ValueError if the run in the folder is another one: with other settings than ``fixed``, but for ``free`` ones, or
    other weights of the network, by name."""
    known = found.meta["settings"]
    for key, value in fixed.items():
        if known.get(key) != value and key not in free:
            raise ValueError(
                f"{folder} holds a run with {key} {known.get(key)}, not {value}; "
                "give that, or another --out, or --no-resume."
            )
    if {f"network.{name}" for name in weights} != {name for name in found.names if name.startswith("network.")}:
        raise ValueError(f"{folder} holds the run of another network; give another --out, or --no-resume.")


# --- what is kept of a run ---------------------------------------------------------------------------


def optimizer_parts(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, Part]:
    """An optimiser's tensors as ``{prefix.index.key: part}``; numbers become 0-d tensors."""
    return {
        f"{prefix}.{index}.{key}": part_of(torch.as_tensor(value))
        for index, weights in enumerate(_weights(optimizer))
        for key, value in optimizer.state.get(weights, {}).items()
    }


def find_in_optimizer(optimizer: torch.optim.Optimizer, prefix: str) -> Find:
    """Where ``Saved.fill`` puts what ``optimizer_parts`` named, made in an optimiser of the same parameters.

    What has a parameter's shape is shared out as it is, and lies where it does; counters are on the CPU.
    """
    weights = _weights(optimizer)

    def find(name: str, shape: tuple[int, ...]) -> Part | None:
        if not name.startswith(prefix + "."):
            return None
        index, key = name[len(prefix) + 1 :].split(".", 1)
        own = weights[int(index)]
        state = optimizer.state[own]
        if key not in state:
            like = shape == tuple(own.shape) and key != "step"
            state[key] = torch.zeros_like(own, requires_grad=False) if like else torch.zeros(shape)
        return part_of(state[key])

    return find


def find_in(tensors: Mapping[str, torch.Tensor] | Mapping[str, Part], prefix: str) -> Find:
    """Where ``Saved.fill`` puts the tensors ``{prefix.name: ...}``: into those of these names."""

    def find(name: str, shape: tuple[int, ...]) -> Part | None:
        own = tensors.get(name.removeprefix(prefix + ".")) if name.startswith(prefix + ".") else None
        return own if own is None or isinstance(own, Part) else part_of(own)

    return find


def _weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [weights for group in optimizer.param_groups for weights in group["params"]]
