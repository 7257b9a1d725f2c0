"""``scene``: does the scene tell the shape? The same question in the own scene, in a like object's scene, and in none.

The other scene is that of another object of the same name and set whose box lies most alike, resized to this scene's
size; in each of them everything inside the exact box is hidden in the same way, and the same seeds are used. So what
the true scene gains over the other one comes from nothing but what lies round the box.

And how many nats it tells: a model that scores outlines in a scene gives each of k shapes a share (softmax); its loss
is minus the log of the true one's. What the true scene saves over a like object's scene, over no scene, and over chance
(log k) is what the model reads in it (InfoNCE, van den Oord et al., arXiv 1807.03748, eq. 4). The rivals are real
outlines of the same split, of other pictures, and whole where the object is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import shape_key, to_box_frame
from smartmask.data.targets import Case, Protocol, Sample, Target, admitted, draw_sample, hide, is_whole, make_case
from smartmask.evaluate.baselines import System
from smartmask.evaluate.protocol import Benchmark, ObjectSettings, cases, listed
from smartmask.evaluate.report import (
    PARTS,
    RANKS,
    by_part,
    finish,
    interval_text,
    measured,
    page,
    ranked,
    signed_text,
    split_by,
    table,
)
from smartmask.evaluate.systems import assemble, system_names
from smartmask.geometry import BoxXYXY, MaskWindow
from smartmask.io.bars import watched
from smartmask.io.settings import option
from smartmask.metrics.intervals import mean_interval
from smartmask.metrics.masks import own_ious
from smartmask.scene import Scene

SCENES = ("true", "swapped", "empty")
AMONG = 32  # outlines, the true one among them
LEAST = 8  # with fewer an object is left out


class SceneSettings(ObjectSettings):
    """Objects asked about in several scenes."""

    limit: int = option(300, "At most so many objects, the same for the same seed; 0: all.")
    whole: int = option(240, "Whole objects, reported apart; 0: those among the limit.")
    systems: str = option("pipeline,cover", "Of pipeline and the baselines, which see no scene.")
    swaps: int = option(1, "Other scenes an object is asked about in; their mean counts.", ge=1)
    num_masks: int = option(8, "Samples an object.", ge=2)


@dataclass(frozen=True, eq=False)
class SceneRow:
    """What one system scored on one object: {scene: (n,) IoU in the own box, best ranked first}."""

    target: Target
    system: str
    scores: Mapping[str, np.ndarray]


def _group(target: Target) -> str:
    return f"{target.source}/{shape_key(target.name)}"


class Donors:
    """For each object others of its name, set and split, those first whose boxes lie most alike in their pictures."""

    def __init__(self, pack: Pack, protocol: Protocol) -> None:
        self.pack, self.protocol = pack, protocol
        self._groups = split_by(admitted(pack, protocol, protocol.split), _group)

    def like(self, target: Target) -> list[Target]:
        """All of its name, set and split in other pictures."""
        return [other for other in self._groups.get(_group(target), []) if other.key != target.key]

    def of(self, target: Target, count: int = 1) -> list[Target]:
        """Up to ``count`` objects of other pictures, one a picture."""
        here = self._geometry(target)
        found: dict[str, tuple[int, str, Target]] = {}
        for other in self.like(target):
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
    layers = (replace(layer, window=MaskWindow.of(layer.window.at(rows, columns))) for layer in scene.layers)
    return Scene(height, width, tuple(layer for layer in layers if layer.window.any()))


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
    from smartmask.data.pairs import context_of
    from smartmask.masks.exemplar.choose import crop_scene
    from smartmask.masks.exemplar.memory import CELLS

    def tell(scene: Scene, name: str, box: BoxXYXY, shapes: np.ndarray) -> np.ndarray:
        text = model.text
        vector = text.understand(name).vector.copy()
        names = np.stack([text.encode(layer.name) for layer in scene.layers] or [np.zeros_like(vector)])
        crop = crop_scene(scene, [box], names, vector, text.encode_context(context_of(scene)))
        step = shapes.shape[1] // CELLS
        cells = shapes.reshape(len(shapes), CELLS, step, CELLS, step).mean(axis=(2, 4)) >= 0.5
        seen = chooser.embed_outlines(cells)
        found: np.ndarray = seen @ chooser.embed_scenes(crop)[0]
        return found

    return tell


class Rivals:
    """Other objects' shapes of a name and set, those of the nearest aspect first."""

    def __init__(self, donors: Donors) -> None:
        self.donors = donors
        self._known: dict[Target, tuple[bool, np.ndarray]] = {}

    def of(self, target: Target, whole: bool, count: int) -> np.ndarray:
        """``(k, side, side)`` bool: up to ``count`` shapes of other pictures; whole ones only, if ``whole``."""
        aspect = _log_aspect(target)
        others = sorted(self.donors.like(target), key=lambda t: (round(abs(_log_aspect(t) - aspect) * 1e6), t.code))
        found: list[np.ndarray] = []
        for other in others:
            if len(found) == count:
                break
            if other not in self._known:
                shape = to_box_frame(self.donors.pack.scene(other.record).layers[other.layer].mask)
                self._known[other] = is_whole(self.donors.pack, other), shape
            if self._known[other][0] or not whole:
                found.append(self._known[other][1])
        return np.stack(found) if found else np.zeros((0, 1, 1), dtype=bool)


def _log_aspect(target: Target) -> float:
    x0, y0, x1, y1 = target.box
    return float(np.log((x1 - x0) / (y1 - y0)))


def nats_rows(questions: Iterable[Case], teller: Teller, donors: Donors) -> list[NatsRow]:
    """The losses of every case that has LEAST outlines to be told from and a scene to swap with."""
    rivals = Rivals(donors)
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


def run(settings: SceneSettings) -> None:
    """Overlap in the true scene beside a like object's scene and none, same box and seeds: what the scene tells."""
    protocol, swaps = settings.protocol(limit=settings.limit or None, whole=settings.whole), settings.swaps
    names = system_names(listed(settings.systems), protocol.guidance)
    pack = Pack(settings.data)
    sample = draw_sample(pack, protocol)
    asked = assemble(names, pack, protocol, settings)
    donors = Donors(pack, protocol)
    questions = watched("objects", cases(pack, sample.targets, protocol), len(sample.targets))
    rows = scene_rows(questions, asked.systems, donors, swaps)
    found = scene_report(rows, sample)
    teller = teller_of(asked.pipe)
    told = [] if teller is None else nats_rows(cases(pack, sample.targets, protocol), teller, donors)
    nats = nats_report(told, sample)
    report = measured("scene", settings.split, asked.about)
    report |= {"swaps": swaps, "rules": protocol.rules(), "results": found, "nats": nats}
    title = f"Scene: exact box, {settings.num_masks} masks an object, all in the box hidden"
    about = (
        "IoU in the object's own box, 64 x 64. Swapped: the scene of another object of the same name and set whose box "
        f"lies most alike{f' (mean of {swaps})' if swaps > 1 else ''}. 95 % bootstrap by image."
    )
    lines = [*scene_lines(found), *(nats_lines(nats) if nats else [])]
    finish("scene", report, page(title, report, about, lines), settings)


BENCHMARK = Benchmark("scene", SceneSettings, run)
