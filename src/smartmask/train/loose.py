"""Loose outlines: real things that touch others, or that no eye called clear, remembered beside the whole ones.

They are half of what photographs show, and cover what whole ones leave open: things behind others, odd views. Nobody
knows that they show a whole thing, so their quality is 0: they never make a name known, and clear ones come first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from smartmask.data.curation_doubles import ASPECT, SAME, boxed
from smartmask.geometry import rle_decode

LOOSE = {"touching": 400, "doubtful": 200, "reviewed": 200}  # verdict: outlines of a name, at most
LEAST_SIDE = 40  # pixels of the longer side


def loose_rows(
    rows: Sequence[dict[str, Any]], whole: Sequence[dict[str, Any]], seen: str = "train"
) -> list[dict[str, Any]]:
    """Those of a curated table that are remembered loosely, in the table's order.

    whole: the rows that are remembered as whole. Names without any of these get none. What nearly repeats an outline
    of another split than ``seen``, or one that is remembered already, is left out, mirrored or not.
    """  # fmt: skip
    known = {row["name"] for row in whole}
    fit, apart = defaultdict[str, list[dict[str, Any]]](list), defaultdict[str, list[dict[str, Any]]](list)
    for row in rows:
        if row["name"] not in known:
            continue
        if row["split"] != seen:
            apart[row["name"]].append(row)
        elif row["verdict"] in LOOSE and row["kind"] == "photo" and max(row["h"], row["w"]) >= LEAST_SIDE:
            fit[row["name"]].append(row)
    remembered = defaultdict[str, list[dict[str, Any]]](list)
    for row in whole:
        remembered[row["name"]].append(row)
    kept = [row for name in sorted(fit) for row in _kept(fit[name], apart[name] + remembered[name])]
    chosen = {id(row) for row in kept}
    return [row for row in rows if id(row) in chosen]


def _kept(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clearest of one name up to LOOSE a verdict that repeat neither each other nor the others."""
    ranked = sorted(rows, key=lambda row: (-round(row["quality"], 3), row["set"], row["source"], row["number"]))
    shapes = np.stack([_boxed(row) for row in others + ranked]).reshape(len(others) + len(ranked), -1)
    aspects = np.log([row["w"] / row["h"] for row in others + ranked])
    flat, mirrored = shapes.astype(np.float32), _mirrored(shapes).astype(np.float32)
    areas = flat.sum(axis=1)
    held = np.arange(len(flat)) < len(others)
    left, kept = dict(LOOSE), []
    for index, row in enumerate(ranked, start=len(others)):
        if not left[row["verdict"]]:
            continue
        near = held & (np.abs(aspects - aspects[index]) < ASPECT)
        if not _repeats(flat[near], areas[near], flat[index], mirrored[index]):
            kept.append(row)
            held[index] = True
            left[row["verdict"]] -= 1
    return kept


def _repeats(known: np.ndarray, areas: np.ndarray, one: np.ndarray, mirrored: np.ndarray) -> bool:
    """Whether (D,) float32 cells, or their mirror image, overlap any of (n, D) by more than SAME."""
    shared = np.maximum(known @ one, known @ mirrored)  # counts of cells: exact
    return bool((shared > SAME * (areas + one.sum() - shared)).any())


def _boxed(row: dict[str, Any]) -> np.ndarray:
    return boxed(rle_decode({"size": [row["h"], row["w"]], "counts": row["counts"]}))


def _mirrored(shapes: np.ndarray) -> np.ndarray:
    side = round(shapes.shape[1] ** 0.5)
    return shapes.reshape(-1, side, side)[:, :, ::-1].reshape(len(shapes), -1)
