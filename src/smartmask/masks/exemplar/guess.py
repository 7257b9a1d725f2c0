"""The box that a stroke means: remembered from strokes drawn over real objects, not modelled.

People draw a line into a body or a stick figure of the whole; what the strokes' extent says of the object's box
depends on its proportions, on the thing's, on its size in the picture and on how far the line wanders. So the
table's nearest strokes lend their boxes (a kernel estimate: Nadaraya 1964).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide
from smartmask.io.publish import save_bytes
from smartmask.io.reading import read_tensors

GUESSES = 48  # boxes that a request tries
FEATURES = 5
WIDTHS = np.array([0.35, 0.5, 0.45, 0.35, 0.5])  # of the kernel, by feature
FIGURE = 3.0  # nats an e-fold of area beyond strokes that draw a figure: our choice
FLAT = 2.5  # log aspect beyond which an extent is a mere line
LEAST_WIDTH = 0.02  # of the longer side: no extent counts as thinner


class StrokeTable:
    """rows: (n, FEATURES + 4) float32: what is known of a stroke (``described``), and the object's box less the middle
    of the strokes' extent, over the extent's longer side (x0, y0, x1, y1)."""

    def __init__(self, rows: np.ndarray) -> None:
        if rows.ndim != 2 or rows.shape[1] != FEATURES + 4 or not len(rows) or not np.isfinite(rows).all():
            raise ValueError(f"A table of strokes has shape (n, {FEATURES + 4}) and finite numbers, not {rows.shape}.")
        self.rows = rows.astype(np.float32)

    @classmethod
    def load(cls, path: Path) -> StrokeTable:
        """Raises ValueError, naming the file, if it is missing or damaged."""
        tensors = read_tensors(path, "table of strokes")[0]
        try:
            return cls(tensors["rows"])
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({str(error)[:100]}); restore it.") from None

    def save(self, path: Path) -> None:
        """Writes the table."""
        save_bytes(save({"rows": self.rows}), path)

    def boxes(
        self, region: BoxXYXY, guides: Sequence[Guide], aspects: np.ndarray, height: int, width: int
    ) -> tuple[list[BoxXYXY], np.ndarray]:
        """GUESSES boxes for strokes of an extent, and (GUESSES,) their log weights in nats.

        aspects: of the outlines that may fill them. height, width: of the scene, in which the boxes are cut.
        """
        usual = float(np.median(np.log(aspects))) if len(aspects) else 0.0
        known = described(region, guides, usual, height, width)
        away = (((self.rows[:, :FEATURES] - known) / WIDTHS) ** 2).sum(axis=1) / 2
        near = np.argsort(np.round(away * 1024).astype(np.int64), kind="stable")[:GUESSES]
        x0, y0, x1, y1 = region
        longer = max(x1 - x0, y1 - y0, 1.0)
        found = self.rows[near, FEATURES:] * longer + np.array([(x0 + x1) / 2, (y0 + y1) / 2] * 2)
        low = np.minimum(np.maximum(found[:, :2], np.minimum((x0, y0), 0)), (x0, y0))
        high = np.maximum(np.minimum(found[:, 2:], np.maximum((x1, y1), (width, height))), np.array((x1, y1)))
        boxes = [tuple(map(float, row)) for row in np.concatenate([low, np.maximum(high, low + 1)], axis=1)]
        likely = -(away[near] - away[near[0]]).astype(np.float64)
        if sum(len(guide.lines()) for guide in guides) > 1:
            # several strokes draw a figure of the whole thing: it ends about where they end
            size = np.array([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes])
            likely -= FIGURE * np.log(np.maximum(size / max((x1 - x0) * (y1 - y0), 1.0), 1.0))
        return boxes, likely  # type: ignore[return-value]


def described(region: BoxXYXY, guides: Sequence[Guide], usual: float, height: int, width: int) -> np.ndarray:
    """``(FEATURES,)`` float32 of strokes: log aspect of their extent, log aspect that is usual for the object, log size
    in the scene, how far they wander (log length over the extent's diagonal), log width over the extent."""
    across, down = region[2] - region[0], region[3] - region[1]
    longer = max(across, down, 1.0)
    aspect = math.log(max(across, LEAST_WIDTH * longer) / max(down, LEAST_WIDTH * longer))
    length = sum(_length(stroke) for g in guides for stroke in g.lines())
    wide = max((g.line_width(height, width) for g in guides if g.lines()), default=1.0)
    wander = math.log(max(length, 0.1 * longer) / math.hypot(across, down))
    values = [aspect, usual, math.log(longer / math.sqrt(height * width)), wander, math.log(wide / longer) / 2]
    return np.clip(np.array(values, np.float32), -FLAT - 2, FLAT)


def _length(stroke: np.ndarray) -> float:
    return float(np.hypot(*np.diff(stroke, axis=0).T).sum()) if len(stroke) > 1 else 0.0


def table_row(
    region: BoxXYXY, guides: Sequence[Guide], box: BoxXYXY, usual: float, height: int, width: int
) -> list[float]:
    """The row of a stroke with a known object."""
    longer = max(region[2] - region[0], region[3] - region[1], 1.0)
    cx, cy = (region[0] + region[2]) / 2, (region[1] + region[3]) / 2
    sides = [(box[0] - cx) / longer, (box[1] - cy) / longer, (box[2] - cx) / longer, (box[3] - cy) / longer]
    return [*described(region, guides, usual, height, width).tolist(), *sides]
