"""Does the scene tell the shape? The same question in the object's own scene, in a like object's scene, and in none.

The other scene is that of another object of the same name and set whose box lies most alike, resized to this scene's
size; in each of them everything inside the exact box is hidden in the same way, and the same seeds are used. So what
the true scene gains over the other one comes from nothing but what lies round the box.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import shape_key
from smartmask.data.targets import Case, Protocol, Sample, Target, admitted, hide, make_case
from smartmask.evaluate.baselines import System
from smartmask.evaluate.report import PARTS, RANKS, by_part, interval_text, ranked, signed_text, split_by, table
from smartmask.metrics.intervals import mean_interval
from smartmask.metrics.masks import own_ious
from smartmask.scene import Scene

SCENES = ("true", "swapped", "empty")


@dataclass(frozen=True, eq=False)
class SceneRow:
    """What one system scored on one object: {scene: (n,) IoU in the own box, best ranked first}."""

    target: Target
    system: str
    scores: Mapping[str, np.ndarray]


class Donors:
    """For each object others of its name, set and split, those first whose boxes lie most alike in their pictures."""

    def __init__(self, pack: Pack, protocol: Protocol) -> None:
        self.pack, self.protocol = pack, protocol
        self._groups: dict[tuple[str, str], list[Target]] = {}
        for target in admitted(pack, protocol, protocol.split):
            self._groups.setdefault((target.source, shape_key(target.name)), []).append(target)

    def of(self, target: Target, count: int = 1) -> list[Target]:
        """Up to ``count`` objects of other pictures, one a picture."""
        here = self._geometry(target)
        found: dict[str, tuple[int, str, Target]] = {}
        for other in self._groups.get((target.source, shape_key(target.name)), []):
            if other.key != target.key:
                gap = round(float(((self._geometry(other) - here) ** 2).sum()) * 1e6)  # whole: no tie by last bits
                entry = (gap, other.code, other)
                if other.key not in found or entry[:2] < found[other.key][:2]:
                    found[other.key] = entry
        return [other for _, _, other in sorted(found.values(), key=lambda e: e[:2])[:count]]

    def _geometry(self, target: Target) -> np.ndarray:
        """(4,) middle and log sides of the box as shares of the picture."""
        meta = self.pack.meta
        height, width = float(meta.heights[target.record]), float(meta.widths[target.record])
        x0, y0, x1, y1 = np.array(target.box) / (width, height, width, height)
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2, np.log(x1 - x0), np.log(y1 - y0)])

    def scene(self, donor: Target, case: Case) -> Scene:
        """The donor's scene without the donor, at the size of a case's scene, hidden as the case is."""
        given = make_case(self.pack[donor.record], donor, case.kind, self.protocol).scene
        return hide(resized(given, case.scene.height, case.scene.width), case.hidden)


def resized(scene: Scene, height: int, width: int) -> Scene:
    """The scene at another size, each pixel its nearest; layers that vanish are removed."""
    rows = ((np.arange(height) + 0.5) * scene.height / height).astype(int)
    columns = ((np.arange(width) + 0.5) * scene.width / width).astype(int)
    layers = (replace(layer, mask=layer.mask[rows[:, None], columns[None, :]]) for layer in scene.layers)
    return Scene(height, width, tuple(layer for layer in layers if layer.mask.any()))


def scene_rows(
    questions: Iterable[Case], systems: Mapping[str, System], donors: Donors, swaps: int = 1
) -> list[SceneRow]:
    """Every system on every case in its own scene, in ``swaps`` like objects' scenes (their mean counts) and in none.

    Objects without another of their name and set are left out: there is nothing to swap with.
    """
    protocol = donors.protocol
    rows = []
    for case in questions:
        others = donors.of(case.target, swaps)
        for name, system in systems.items() if others else ():

            def score(scene: Scene, system: System = system, case: Case = case) -> np.ndarray:
                seed = case.target.number(protocol.seed)
                answer = system(scene, case.target.name, case.guide, protocol.num_masks, seed)
                return np.resize(own_ious(np.asarray(answer.masks, dtype=bool), case.true), protocol.num_masks)

            swapped = np.mean([score(donors.scene(other, case)) for other in others], axis=0)
            empty = score(Scene.empty(case.scene.height, case.scene.width))
            rows.append(SceneRow(case.target, name, {"true": score(case.scene), "swapped": swapped, "empty": empty}))
    return rows


def scene_report(rows: Sequence[SceneRow], sample: Sample) -> dict[str, Any]:
    """{part: {system: {objects, in each scene first / mean / best, and the true scene's lead}}}; intervals by image."""
    found = {
        part: {name: _figures(own) for name, own in split_by(some, lambda row: row.system).items()}
        for part, some in by_part(rows, sample).items()
    }
    if not found:
        raise ValueError("No object has another of its name and set to swap scenes with; take more sources.")
    return found


def _figures(rows: Sequence[SceneRow]) -> dict[str, Any]:
    images = np.array([row.target.key for row in rows])
    values = {scene: ranked(np.stack([row.scores[scene] for row in rows])) for scene in SCENES}
    for other in SCENES[1:]:
        values[f"true_minus_{other}"] = {rank: values["true"][rank] - values[other][rank] for rank in RANKS}
    figures: dict[str, Any] = {"objects": len(rows), "images": len(set(images.tolist()))}
    return figures | {
        name: {rank: mean_interval(own, images, 5) for rank, own in some.items()} for name, some in values.items()
    }


def scene_lines(found: Mapping[str, Any]) -> list[str]:
    """The report as Markdown tables, one a part."""
    lines: list[str] = []
    for part, systems in found.items():
        heads = ["system", "objects", *(f"{scene} scene: mean IoU" for scene in SCENES)]
        heads += ["true minus swapped: mean", "first", "best", "true minus empty: mean", "first", "best"]
        rows = []
        for name, figures in systems.items():
            cells = [name, str(figures["objects"]), *(interval_text(figures[scene]["mean"]) for scene in SCENES)]
            for other in SCENES[1:]:
                cells += [signed_text(figures[f"true_minus_{other}"][rank], 4) for rank in ("mean", "first", "best")]
            rows.append(cells)
        lines += [f"## Scene: {PARTS[part]}", "", *table(heads, rows), ""]
    return lines
