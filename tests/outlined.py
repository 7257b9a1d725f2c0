"""Small memories for tests: things with legs, handles and holes, remembered under a few names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from drawn import block, ellipse, lumpy

from smartmask.masks.exemplar.attributes import TRAITS
from smartmask.masks.exemplar.memory import Memory, Remembered, remember
from smartmask.masks.exemplar.outline import trace

NAMES = ("dog", "cat", "table", "cup")


def table(height: int = 60, width: int = 90) -> np.ndarray:
    """A top on two legs: straight edges and corners."""
    mask = block(height, width, 0, 0, width, height // 5)
    mask |= block(height, width, width // 10, 0, width // 5, height)
    return mask | block(height, width, width - width // 5, 0, width - width // 10, height)


def ring(side: int = 80) -> np.ndarray:
    """A disc with a hole."""
    return ellipse(side, side, side / 2, side / 2, side / 2, side / 2) & ~ellipse(
        side, side, *[side / 2] * 2, *[side / 4] * 2
    )


def cup(side: int = 80) -> np.ndarray:
    """A body with a ring for a handle: a hole beside the mass."""
    mask = block(side, side, 0, 0, side // 2, side)
    whole = ellipse(side, side, *[side / 2] * 2, *[side / 3] * 2)
    mask |= whole & ~ellipse(side, side, *[side / 2] * 2, *[side / 5] * 2)
    return mask[:, mask.any(axis=0)]


def lump(seed: int, height: int = 60, width: int = 80) -> np.ndarray:
    """A random star-shaped thing that fills its picture."""
    return lumpy(height, width, (0.0, 0.0, float(width), float(height)), np.random.default_rng(seed))


def record(mask: np.ndarray, name: str = "dog", number: int = 0, **more: object) -> Remembered:
    """A remembered outline of a mask."""
    known: dict[str, object] = {"set": "made", "source": f"{name}-{number}", "licence": "CC0", "kind": "photo"}
    return Remembered(trace(mask), name, **(known | more))  # type: ignore[arg-type]


def made_memory(count: int = 12, names: Sequence[str] = NAMES, seed: int = 0) -> Memory:
    """``count`` lumps of each name, of many aspects."""
    rng = np.random.default_rng(seed)
    records = []
    for place, name in enumerate(names):
        for number in range(count):
            height, width = (int(side) for side in rng.integers(40, 120, 2))
            mask = lump(seed * 7919 + 1000 * place + number, height, width)
            records.append(record(mask, name, number, quality=float(rng.uniform(0.3, 1))))
    return remember(records, TRAITS)


def tiny_chooser(seed: int = 0):  # type: ignore[no-untyped-def]
    """A chooser of random weights."""
    import torch

    from smartmask.masks.exemplar.choose import Chooser, ChooserConfig
    from smartmask.train.networks.chooser import ChooserModule

    torch.manual_seed(seed)
    return Chooser.of(ChooserModule(ChooserConfig(width=4, size=8, names=4)))


def made_weights(folder: Path) -> Path:
    """A folder of weights as far as the memory's commands need them: text, chooser, memory by tier."""
    from smartmask.io.components import save_component
    from smartmask.masks.exemplar.files import save_memories, write_index
    from smartmask.text.labels import bundled_encoder

    folder.mkdir(parents=True)
    chooser = tiny_chooser()
    save_component(folder / "chooser", chooser, chooser.config)
    bundled_encoder().save_pretrained(folder / "text")
    research = remember([record(lump(99), "dog", 0, set="shut", licence="not stated")], TRAITS)
    save_memories(folder / "memory", {"open": made_memory(3), "research": research})
    write_index(folder, {})
    return folder
