"""The benchmark of kernels: what it calls the same, and that each place is a process with its own settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smartmask.data.pack import Pack
from smartmask.evaluate.tasks.machines import MachinesSettings, ask_in, compared


def told(masks: np.ndarray, outlines: list[str]) -> dict[str, np.ndarray]:
    count = len(outlines)
    return {
        "masks": np.packbits(masks), "outlines": np.array(outlines), "orders": np.zeros(count, int),
        "scores": np.full(count, 0.5), "areas": masks.reshape(count, -1).sum(axis=1),
    }  # fmt: skip


def test_a_pixel_a_depth_and_an_outline_are_told_apart() -> None:
    masks = np.zeros((2, 4, 8), dtype=bool)
    masks[:, 1:3, 1:6] = True
    first = told(masks, ["a", "b"])
    assert compared(first, first) == {
        "same_outline": 1, "same_order": 1, "same_bits": True, "pixels": 0, "share_of_area": 0, "score": 0
    }  # fmt: skip
    other = masks.copy()
    other[0, 0, 0] = True
    found = compared(first, told(other, ["a", "c"]))
    assert (found["same_outline"], found["same_order"], found["same_bits"]) == (0.5, 1, False)
    assert (found["pixels"], found["share_of_area"]) == (0.5, 1 / 20)


@pytest.mark.slow
def test_places_are_processes_of_their_own(pack: Pack, tiny_weights: Path, tmp_path: Path) -> None:
    settings = MachinesSettings.of(
        data=pack.path, weights=tiny_weights, limit=2, guidance="box,point", num_masks=2, split="test"
    )
    plain, alone = (
        ask_in(place, settings, tmp_path / f"{number}.npz")
        for number, place in enumerate(({}, {"OMP_NUM_THREADS": "1", "ATEN_CPU_CAPABILITY": "default"}))
    )
    assert len(plain["outlines"]) == 2 * 2 * 2
    assert compared(plain, alone)["same_outline"] == 1
    with pytest.raises(RuntimeError, match="The answers failed"):
        ask_in({}, settings.model_copy(update={"data": tmp_path / "none"}), tmp_path / "x.npz")
