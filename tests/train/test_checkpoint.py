"""Checkpoints: whole or not at all, checked when read, the newest sound one wins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from smartmask.train import checkpoint
from smartmask.train.parallel import Part, part_of

FILE = "shard_00000_00000.safetensors"


def tensors(step: int) -> dict[str, torch.Tensor]:
    return {"network.weight": torch.full((3, 2), float(step)), "optimizer0.0.step": torch.tensor(step)}


def saved(folder: Path, *steps: int) -> list[Path]:
    return [checkpoint.save(folder, step, parts(tensors(step)), {"seconds": step / 2}) for step in steps]


def parts(given: dict[str, torch.Tensor]) -> dict[str, Part]:
    return {name: part_of(tensor) for name, tensor in given.items()}


def newest(folder: Path) -> tuple[int, list[str]]:
    """The step that is loaded, its tensors checked, and the warnings."""
    found = checkpoint.load_latest(folder)
    assert found is not None
    loaded, meta, warnings = found.whole(), found.meta, found.warnings
    for name, value in tensors(meta["step"]).items():
        assert torch.equal(loaded[name], value)
        assert loaded[name].dtype == value.dtype
    assert meta["seconds"] == meta["step"] / 2
    return meta["step"], warnings


def test_there_and_back(tmp_path: Path) -> None:
    (path,) = saved(tmp_path, 7)
    assert path.name == "step_00000007"
    assert sorted(file.name for file in path.iterdir()) == [FILE, "state.json"]
    assert newest(tmp_path) == (7, [])


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path) is None
    assert checkpoint.load_latest(tmp_path / "nowhere") is None


def test_three_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 9, 10, 100, 1000, 10000)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step_00000100", "step_00001000", "step_00010000"]
    assert newest(tmp_path) == (10000, [])


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    saved(tmp_path, 4)
    checkpoint.save(tmp_path, 4, parts({"other": torch.ones(1)}), {})
    found = checkpoint.load_latest(tmp_path)
    assert found is not None
    assert found.names == {"other"}


# --- failures while writing ------------------------------------------------------------------------


def half_written(given: dict, path: Path, metadata: None) -> None:
    path.write_bytes(b"\x10\x00\x00\x00")
    raise OSError("No space left on device")


@pytest.mark.parametrize("fails", ["save_file", "_digest", "rename"])
def test_what_is_half_written_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    saved(tmp_path, 1)

    def fail(*given: object) -> None:
        raise OSError("No space left on device")

    if fails == "rename":
        monkeypatch.setattr("os.rename", fail)
    elif fails == "save_file":
        monkeypatch.setattr("safetensors.torch.save_file", half_written)
    else:
        monkeypatch.setattr(checkpoint, fails, fail)
    with pytest.raises((OSError, ValueError), match="No space"):
        saved(tmp_path, 2)
    monkeypatch.undo()
    assert newest(tmp_path) == (1, [])
    saved(tmp_path, 2)  # what was left behind does not disturb
    assert newest(tmp_path) == (2, [])
    assert {path.name for path in tmp_path.iterdir()} == {"step_00000001", "step_00000002"}


# --- damage afterwards -----------------------------------------------------------------------------


def truncate(path: Path) -> None:
    file = path / FILE
    file.write_bytes(file.read_bytes()[:-3])


def flip_a_bit(path: Path) -> None:
    file = path / FILE
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def no_checksum(path: Path) -> None:
    meta = json.loads((path / "state.json").read_text())
    del meta["files"][0]["sha256"]
    (path / "state.json").write_text(json.dumps(meta))


def no_safetensors(path: Path) -> None:
    """A file of another kind, with its own checksum."""
    (path / FILE).write_bytes(b"PK\x03\x04 something else")
    meta = json.loads((path / "state.json").read_text())
    meta["files"][0]["sha256"] = checkpoint._digest(path / FILE)
    (path / "state.json").write_text(json.dumps(meta))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": truncate,
    "a bit flipped": flip_a_bit,
    "empty": lambda path: (path / FILE).write_bytes(b""),
    "no tensors": lambda path: (path / FILE).unlink(),
    "no description": lambda path: (path / "state.json").unlink(),
    "half a description": lambda path: (path / "state.json").write_text('{"step": 3, "sha'),
    "a list": lambda path: (path / "state.json").write_text("[]"),
    "binary": lambda path: (path / "state.json").write_bytes(b"\xff\xfe\x00"),
    "no checksum": no_checksum,
    "no safetensors": no_safetensors,
    "emptied folder": lambda path: (shutil.rmtree(path), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path: Path, damage: str) -> None:
    paths = saved(tmp_path, 1, 2, 3)
    DAMAGES[damage](paths[2])
    step, warnings = newest(tmp_path)
    assert step == 2
    assert len(warnings) == 1
    assert warnings[0].startswith(f"Checkpoint {paths[2]} is damaged (")
    assert warnings[0].endswith("); the one before it is used.")


def test_two_damaged_checkpoints(tmp_path: Path) -> None:
    paths = saved(tmp_path, 1, 2, 3)
    truncate(paths[2])
    no_checksum(paths[1])
    step, warnings = newest(tmp_path)
    assert step == 1
    assert [name in warning for name, warning in zip(("step_00000003", "step_00000002"), warnings, strict=True)] == [
        True,
        True,
    ]


def test_a_run_is_not_started_over_silently(tmp_path: Path) -> None:
    for path in saved(tmp_path, 1, 2):
        truncate(path)
    with pytest.raises(ValueError, match=r"Every checkpoint under .* is damaged, the newest being step_00000002"):
        checkpoint.load_latest(tmp_path)


# --- optimisers ------------------------------------------------------------------------------------


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.GELU(), torch.nn.Linear(6, 2))


def optimizer_of(kind: str, network: torch.nn.Module) -> torch.optim.Optimizer:
    if kind == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=1e-2)
    if kind == "muon":
        return torch.optim.Muon([p for p in network.parameters() if p.ndim == 2], lr=1e-2)
    return torch.optim.SGD(network.parameters(), lr=1e-2)  # without state


def steps(network: torch.nn.Module, optimizer: torch.optim.Optimizer, count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        optimizer.zero_grad()
        network(torch.randn(8, 4, generator=generator)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", ["adamw", "muon", "sgd"])
def test_an_optimiser_goes_on_bit_by_bit(tmp_path: Path, kind: str) -> None:
    network = model()
    optimizer = optimizer_of(kind, network)
    steps(network, optimizer, 3, seed=0)
    flat = {f"network.{name}": value.clone() for name, value in network.state_dict().items()}
    flat |= {"optimizer10.0.step": torch.tensor(99.0)}  # another optimiser's, whose name starts alike
    kept = parts(flat) | checkpoint.optimizer_parts(optimizer, "optimizer1")
    checkpoint.save(tmp_path, 3, kept, {})
    steps(network, optimizer, 3, seed=1)

    found = checkpoint.load_latest(tmp_path)
    assert found is not None
    other = model()
    found.fill(checkpoint.find_in(other.state_dict(keep_vars=True), "network"))
    restored = optimizer_of(kind, other)
    found.fill(checkpoint.find_in_optimizer(restored, "optimizer1"))
    steps(other, restored, 3, seed=1)
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    for mine, theirs in zip(
        optimizer.state_dict()["state"].values(), restored.state_dict()["state"].values(), strict=True
    ):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(torch.as_tensor(mine[key]), torch.as_tensor(theirs[key])) for key in mine)
