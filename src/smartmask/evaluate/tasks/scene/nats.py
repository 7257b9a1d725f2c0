"""How many nats the scene tells: the true outline among others of its name, set and like aspect, told from the scene.

A model that scores outlines in a scene gives each of k shapes a share (softmax); its loss is minus the log of the
true one's. What the true scene saves over a like object's scene, over no scene, and over chance (log k) is what the
model reads in it (InfoNCE, van den Oord et al., arXiv 1807.03748, eq. 4). The rivals are real outlines of the same
split, of other pictures, and whole where the object is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import shape_key, to_box_frame
from smartmask.data.targets import Case, Protocol, Sample, Target, admitted, is_whole
from smartmask.evaluate.report import PARTS, by_part, interval_text, signed_text, table
from smartmask.evaluate.tasks.scene.use import SCENES, Donors
from smartmask.geometry import BoxXYXY
from smartmask.metrics.intervals import mean_interval
from smartmask.scene import Scene

AMONG = 32  # outlines, the true one among them
LEAST = 8  # with fewer an object is left out

# (scene, name, box, (k, side, side) bool shapes in that box) -> (k,) scores in nats, up to a constant
Teller = Callable[[Scene, str, BoxXYXY, np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class NatsRow:
    """loss: {scene: minus log of the true outline's share}; among: outlines it was told from, itself included."""

    target: Target
    among: int
    loss: Mapping[str, float]


def teller_of(pipe: Any) -> Teller | None:
    """What scores outlines in scenes behind a pipeline: the chooser of the exemplar model; None for a model without."""
    model = getattr(pipe, "model", None)
    chooser = getattr(model, "chooser", None)
    if model is None or chooser is None:
        return None
    import torch

    from smartmask.data.pairs import context_of
    from smartmask.masks.exemplar.choose import crop_scene
    from smartmask.masks.exemplar.memory import CELLS
    from smartmask.scene.view import View

    @torch.inference_mode()
    def tell(scene: Scene, name: str, box: BoxXYXY, shapes: np.ndarray) -> np.ndarray:
        text = model.text
        vector = text.understand(name).vector.copy()
        names = np.stack([text.encode(layer.name) for layer in scene.layers] or [np.zeros_like(vector)])
        crop = crop_scene(View.of(scene), [box], names, vector, text.encode_context(context_of(scene)))
        step = shapes.shape[1] // CELLS
        cells = shapes.reshape(len(shapes), CELLS, step, CELLS, step).mean(axis=(2, 4)) >= 0.5
        seen = chooser.embed_outlines(torch.from_numpy(cells.astype(np.float32)))
        return (seen @ chooser.embed_scenes(crop)[0]).double().numpy()

    return tell


class Rivals:
    """Other objects' shapes of a name and set, those of the nearest aspect first."""

    def __init__(self, pack: Pack, protocol: Protocol) -> None:
        self.pack = pack
        self._groups: dict[tuple[str, str], list[Target]] = {}
        for target in admitted(pack, protocol, protocol.split):
            self._groups.setdefault((target.source, shape_key(target.name)), []).append(target)
        self._known: dict[Target, tuple[bool, np.ndarray]] = {}

    def of(self, target: Target, whole: bool, count: int) -> np.ndarray:
        """``(k, side, side)`` bool: up to ``count`` shapes of other pictures; whole ones only, if ``whole``."""
        others = [t for t in self._groups.get((target.source, shape_key(target.name)), []) if t.key != target.key]
        aspect = _log_aspect(target)
        others.sort(key=lambda t: (round(abs(_log_aspect(t) - aspect) * 1e6), t.code))
        found: list[np.ndarray] = []
        for other in others:
            if len(found) == count:
                break
            if other not in self._known:
                shape = to_box_frame(self.pack.scene(other.record).layers[other.layer].mask)
                self._known[other] = is_whole(self.pack, other), shape
            if self._known[other][0] or not whole:
                found.append(self._known[other][1])
        return np.stack(found) if found else np.zeros((0, 1, 1), dtype=bool)


def _log_aspect(target: Target) -> float:
    x0, y0, x1, y1 = target.box
    return float(np.log((x1 - x0) / (y1 - y0)))


def nats_rows(questions: Iterable[Case], teller: Teller, donors: Donors) -> list[NatsRow]:
    """The losses of every case that has LEAST outlines to be told from and a scene to swap with."""
    rivals = Rivals(donors.pack, donors.protocol)
    rows = []
    for case in questions:
        others = donors.of(case.target)
        shapes = rivals.of(case.target, not case.flags, AMONG - 1) if others else np.zeros((0, 1, 1), dtype=bool)
        if len(shapes) + 1 >= LEAST:
            among = np.concatenate([to_box_frame(case.true)[None], shapes])
            scenes = {
                "true": case.scene,
                "swapped": donors.scene(others[0], case),
                "empty": Scene.empty(case.scene.height, case.scene.width),
            }
            asked = {where: teller(scene, case.target.name, case.target.box, among) for where, scene in scenes.items()}
            loss = {where: float(np.logaddexp.reduce(scores) - scores[0]) for where, scores in asked.items()}
            rows.append(NatsRow(case.target, len(among), loss))
    return rows


def nats_report(rows: Sequence[NatsRow], sample: Sample) -> dict[str, Any]:
    """{part: {objects, loss in each scene, chance, and what the true scene saves over each}}; intervals by image."""
    found: dict[str, Any] = {}
    for part, some in by_part(rows, sample).items():
        images = np.array([row.target.key for row in some])
        losses = {scene: np.array([row.loss[scene] for row in some]) for scene in SCENES}
        losses["chance"] = np.log([row.among for row in some])
        saved = {name: values - losses["true"] for name, values in losses.items() if name != "true"}
        found[part] = {"objects": len(some)} | {
            what: {name: mean_interval(values, images) for name, values in figures.items()}
            for what, figures in (("loss", losses), ("saved", saved))
        }
    return found


def nats_lines(found: Mapping[str, Any]) -> list[str]:
    """The report as a Markdown table."""
    heads = ["objects", "number", "nats, true scene", "swapped", "empty", "chance"]
    heads += ["saved over swapped", "over empty", "over chance"]
    rows = []
    for part, figures in found.items():
        loss, saved = figures["loss"], figures["saved"]
        cells = [PARTS[part], str(figures["objects"])]
        cells += [interval_text(loss["true"]), interval_text(loss["swapped"]), interval_text(loss["empty"])]
        cells += [f"{loss['chance'][0]:.3f}"]
        rows.append([*cells, *(signed_text(saved[name]) for name in ("swapped", "empty", "chance"))])
    return [f"## The true outline among up to {AMONG} of its name, set and like aspect", "", *table(heads, rows), ""]
