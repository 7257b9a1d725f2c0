"""Which file of a folder holds FID's Inception; without torch, so that looking at a folder of models costs nothing."""

from __future__ import annotations

from pathlib import Path

from smartmask.io.reading import tensor_names

MARK = "Mixed_7c.branch_pool.conv.weight"  # a tensor by which a file of this network is known


def weights_in(folder: Path) -> Path | None:
    """The safetensors file of FID's Inception in a folder, told by its tensors' names; None where there is none."""
    for file in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        if MARK in tensor_names(file):
            return file
    return None
