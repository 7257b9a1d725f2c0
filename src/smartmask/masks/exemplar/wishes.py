"""What speaks for or against a candidate beside scene and guide: its clearness, traits asked for, border, twins."""

from __future__ import annotations

import numpy as np

from smartmask.geometry import box_cells
from smartmask.masks.exemplar.attributes import MIRRORED, Wish
from smartmask.masks.exemplar.choose import UNITS
from smartmask.masks.exemplar.memory import CELLS, SIDES, Memory
from smartmask.scene import Scene

CLEAR = 0.6  # nats between an outline that no one would name and a clear one
TRAIT = 6.0  # nats between an outline with a trait that is asked for and one with its opposite
CUT = 1.0  # nats for an outline that the border cuts just where the box meets it
NEVER = 40.0  # nats: cut outlines elsewhere
TWIN = 0.9  # overlap in the own box from which an outline counts as one that the scene has already
TWIN_COST = 6.0  # nats
LEFT, RIGHT = (1 << SIDES.index(side) for side in "lr")  # bits of `cut` that a mirror exchanges
EDGE = 0.008  # of the scene's side: a box this near the border meets it


def quality_units(memory: Memory, rows: np.ndarray) -> np.ndarray:
    """``(n,)`` int64 units for how clearly outlines read as their names."""
    return (memory.quality[rows].astype(np.int64) - 255) * round(CLEAR * UNITS) // 255


def trait_units(memory: Memory, rows: np.ndarray, mirrored: np.ndarray, wish: Wish) -> np.ndarray:
    """``(n,)`` int64 units for the traits that a text asks for."""
    total = np.zeros(len(rows), np.int64)
    for trait, sign in wish.traits.items():
        if trait in memory.trait_names:
            score = memory.traits[rows, memory.trait_names.index(trait)].astype(np.int64)
            score = np.where(mirrored, -score, score) if trait in MIRRORED else score
            total += score * round(sign * TRAIT * UNITS / 2) // 127
    return total


def border_units(memory: Memory, rows: np.ndarray, mirrored: np.ndarray, boxes: np.ndarray, scene: Scene) -> np.ndarray:
    """``(n,)`` int64 units: outlines that a border cut belong where the box meets the border, and nowhere else."""
    near_x, near_y = EDGE * scene.width, EDGE * scene.height
    meets = np.stack(
        [np.abs(boxes[:, 0]) <= near_x, np.abs(boxes[:, 1]) <= near_y, np.abs(boxes[:, 2] - scene.width) <= near_x,
         np.abs(boxes[:, 3] - scene.height) <= near_y], axis=1,
    )  # fmt: skip
    bits = (meets * (1 << np.arange(4))).sum(axis=1)
    cut = memory.cut[rows].astype(np.int64)
    cut = np.where(mirrored, cut & ~(LEFT | RIGHT) | (cut & LEFT) * RIGHT | (cut & RIGHT) // RIGHT, cut)
    units = np.where(cut == 0, 0, np.where(cut == bits, round(CUT * UNITS), -round(NEVER * UNITS)))
    return units.astype(np.int64)


def twin_units(scene: Scene, name: str, cells: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """``(n,)`` int64 units: an outline that stands in the scene already, under the same name, is not drawn again."""
    units = np.zeros(len(cells), np.int64)
    flat = cells.reshape(len(cells), -1)
    for layer in scene.layers:
        box = layer.window.bounds if layer.thing and layer.name == name else None
        if box is None:
            continue
        there = box_cells(layer.window.inside(), (0.0, 0.0, box[2] - box[0], box[3] - box[1]), CELLS)
        for one in (there.ravel(), there[:, ::-1].ravel()):
            shared, either = (flat & one).sum(axis=1), (flat | one).sum(axis=1)
            units = np.where(shared > TWIN * either, -round(TWIN_COST * UNITS), units)
    return units.astype(np.int64)
