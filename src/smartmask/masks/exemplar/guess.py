"""The box that a stroke means: remembered from strokes drawn over real objects, not modelled.

People draw a line into a body or a stick figure of the whole; what the strokes' extent says of the object's box
depends on its proportions and on those of the thing. So the table's nearest strokes lend their boxes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from smartmask.geometry import BoxXYXY

GUESSES = 40  # boxes that a request tries
FLAT = 2.5  # log aspect beyond which an extent is a mere line
LEAST_WIDTH = 0.02  # of the longer side: no extent counts as thinner


class StrokeTable:
    """rows: (n, 6) float32: log aspect of the extent, log aspect of the object's box, and the box's sides less the
    extent's middle, over the extent's longer side (x0, y0, x1, y1)."""

    def __init__(self, rows: np.ndarray) -> None:
        if rows.ndim != 2 or rows.shape[1] != 6 or not len(rows) or not np.isfinite(rows).all():
            raise ValueError(f"A table of strokes has shape (n, 6) and finite numbers, not {rows.shape}.")
        self.rows = rows.astype(np.float32)

    @classmethod
    def load(cls, path: Path) -> StrokeTable:
        """Raises ValueError, naming the file, if it is missing or damaged."""
        try:
            return cls(load_file(path)["rows"])
        except FileNotFoundError:
            raise ValueError(f"{path} is missing; give a folder written by save_pretrained.") from None
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is damaged ({str(error)[:100]}); restore it.") from None

    def save(self, path: Path) -> None:
        """Writes the table."""
        save_file({"rows": self.rows}, path)

    def boxes(self, region: BoxXYXY, aspects: Sequence[float] | np.ndarray) -> list[BoxXYXY]:
        """GUESSES boxes for strokes of an extent; aspects: of the outlines that may fill them."""
        own = described(region)
        usual = float(np.median(np.log(np.asarray(aspects)))) if len(aspects) else 0.0
        away = np.abs(self.rows[:, 0] - own) + 0.5 * np.abs(self.rows[:, 1] - usual)
        near = np.argsort(np.round(away * 4096).astype(np.int64), kind="stable")[:GUESSES]
        x0, y0, x1, y1 = region
        longer = max(x1 - x0, y1 - y0, 1.0)
        corner = np.array([(x0 + x1) / 2, (y0 + y1) / 2] * 2)
        return [tuple(map(float, row)) for row in self.rows[near, 2:] * longer + corner]  # type: ignore[misc]


def described(region: BoxXYXY) -> float:
    """Log aspect of an extent, within FLAT."""
    width, height = region[2] - region[0], region[3] - region[1]
    least = LEAST_WIDTH * max(width, height, 1.0)
    return float(np.clip(math.log(max(width, least) / max(height, least)), -FLAT, FLAT))


def table_row(region: BoxXYXY, box: BoxXYXY) -> list[float]:
    """The row of a stroke with a known object."""
    longer = max(region[2] - region[0], region[3] - region[1], 1.0)
    cx, cy = (region[0] + region[2]) / 2, (region[1] + region[3]) / 2
    aspect = math.log((box[2] - box[0]) / (box[3] - box[1]))
    sides = [(box[0] - cx) / longer, (box[1] - cy) / longer, (box[2] - cx) / longer, (box[3] - cy) / longer]
    return [described(region), aspect, *sides]
