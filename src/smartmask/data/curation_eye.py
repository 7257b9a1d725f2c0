"""What eyes said: outlines looked at on sheets, class by class, and the few that this project drew itself.

``reviewed_outlines.json`` refers to annotations by set, source and number. "clear": a stranger would name it.
"unclear": a heap, a fragment, or a view that tells nothing. "group": several in one. "kept": clear and whole
to the eye, although a rule says that it is cut, touched or small; for names that have few others.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from smartmask.io.reading import read_json

Opinion = Literal["clear", "unclear", "group", "kept"]
Key = tuple[str, str, int]
_FOLDER = Path(__file__).parent


@cache
def reviewed() -> dict[Key, Opinion]:
    """``{(set, source, number): opinion}`` of all outlines that were looked at."""
    content = read_json(_FOLDER / "reviewed_outlines.json")
    opinions: tuple[Opinion, ...] = ("clear", "unclear", "group", "kept")
    return {
        (set_name, source, number): opinion
        for opinion in opinions
        for set_name, sources in content[opinion].items()
        for source, numbers in sources.items()
        for number in numbers
    }


@cache
def drawn_polygons() -> dict[str, list[np.ndarray]]:
    """``{name: polygons}`` drawn for names that no set shows whole; (N, 2) of x, y in [0, 200]."""
    content = read_json(_FOLDER / "drawn_outlines.json")
    return {name: [np.array(p, np.float64) for p in polygons] for name, polygons in content["outlines"].items()}
