"""What the tests of the user's own memory share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from outlined import lump

from smartmask.image.files import save_png


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A folder of masks: three dogs, one of them sitting, a cat cut below, an empty picture."""
    root = tmp_path / "my zoo"
    for number, name in enumerate(("dog/1", "dog/2", "dog_sitting/3")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save_png(np.pad(lump(number), 9), root / f"{name}.png")
    save_png(np.pad(lump(7), ((9, 0), (9, 9))), root / "cat_4.png")
    save_png(np.zeros((30, 30), dtype=bool), root / "cat_5.png")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the sets go; it does not exist yet."""
    return tmp_path / "share" / "memory"
