"""``realism``: one random suggestion of eight told from whole outlines kept apart.

A real outline brings name, aspect and, where its picture is packed, its own scene with everything in the box hidden;
the others are asked for on an empty canvas. Real outlines are drawn so that each set has in each name the share that
it has in the memory, else a classifier would learn to tell sets. Every outline, real or not, goes through the same
resampling: into its own box at 64 x 64, from there into a window of its aspect. Then a classifier is told to tell them
from real ones, and their features are compared (``metrics/sets.py``).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import SHAPE_SIDE, Outlines, from_box_frame, pairwise_ious, shape_key, to_box_frame
from smartmask.data.silhouettes import SIDE, Silhouettes, silhouette
from smartmask.data.targets import Protocol, Target, admitted, make_case
from smartmask.evaluate.baselines import System
from smartmask.evaluate.critic import tell_apart
from smartmask.evaluate.memories import outlines_of
from smartmask.evaluate.protocol import JUDGE, OUTLINES, Benchmark, ObjectSettings, listed
from smartmask.evaluate.report import finish, interval_text, measured, page, signed_text, table
from smartmask.evaluate.systems import assemble, system_names
from smartmask.guides import Box
from smartmask.io.bars import watched
from smartmask.io.settings import option
from smartmask.metrics.intervals import rounded
from smartmask.metrics.sets import REAL, auc_interval, distances, over_interval
from smartmask.scene import Scene

if TYPE_CHECKING:
    from smartmask.metrics.judge import Judge

SAME = 0.9  # IoU in the box from which two outlines count as one
SMALLEST = 48  # pixels of a real outline's longer side: the steps of smaller ones would give them away
CANVAS, PART = 384, 0.6  # side of the empty canvas in pixels, and the box's longer side as a share of it
DRAWN = 128  # pixels of the longer side at which all outlines are drawn before they are looked at
LISTED = 0.01  # share that a set needs to be named on the page; the JSON has all
RANDOM = "retrieval"  # random remembered outlines, over which the others' AUC is given


class RealismSettings(ObjectSettings):
    """The outlines kept apart, and the classifier."""

    outlines: Path | None = OUTLINES
    limit: int = option(800, "At most so many objects, the same for the same seed; 0: all.")
    systems: str = option("pipeline,cover,retrieval", "Of pipeline and the baselines.")
    num_masks: int = option(8, "Suggestions a box, of which one is looked at.", ge=2)
    min_area: float = option(0.01, "Smallest object of the pack, as a share of the image.")
    smallest: int = option(SMALLEST, "Pixels of a real outline's longer side, at least.")
    folds: int = option(5, "Folds of the classifier that tells suggested from real.", ge=2)
    steps: int = option(300, "Training steps of that classifier a fold.", ge=1)
    judge: Path | None = JUDGE


@dataclass(frozen=True, eq=False)
class Request:
    """A whole outline kept apart, and the question it makes: what could this name look like in this box?

    real: (side, side) bool in its own box.  set, image: where it comes from.  in_scene: whether its own scene is shown.
    """

    name: str
    real: np.ndarray
    aspect: float
    set: str
    image: str
    scene: Scene
    guide: Box
    in_scene: bool
    number: int


def in_shares(real: Outlines, memory: Outlines, count: int, seed: int, smallest: int = SMALLEST) -> np.ndarray:
    """Up to ``count`` indices of real outlines, drawn so that names and sets have the memory's shares.

    Each of N real ones of a name and set of which the memory holds M weighs M / N; names and sets that it does not
    hold are left out, and outlines of fewer than ``smallest`` pixels. Drawn without replacement (Efraimidis and
    Spirakis, Inf. Proc. Letters 2006) with numbers that belong to the outlines. ValueError if nothing is left.
    """
    held = Counter(zip(memory.names.tolist(), memory.sets.tolist(), strict=True))
    here = Counter(zip(real.names.tolist(), real.sets.tolist(), strict=True))
    keys = []
    for row, cell in enumerate(zip(real.names.tolist(), real.sets.tolist(), strict=True)):
        small = 0 < real.sides[row] < smallest
        if held[cell] and not small:
            chance = (_number(real, row, seed) + 0.5) / 2**40
            keys.append((round(1e9 * -np.log(chance) * here[cell] / held[cell]), row))
    if not keys:
        raise ValueError("No name and set of the outlines kept apart is in the memory; give others.")
    return np.array(sorted(row for _, row in sorted(keys)[:count]))


def _number(outlines: Outlines, row: int, seed: int) -> int:
    """A pseudo-random number under 2^40 of an outline: its picture, name and shape, whatever else is in the table."""
    code = f"{seed}:{outlines.sets[row]}/{outlines.keys[row]}/{outlines.names[row]}:".encode()
    return int.from_bytes(hashlib.sha1(code + outlines.packed[row].tobytes()).digest()[:5], "big")


def requests(pack: Pack, protocol: Protocol, real: Outlines, rows: Sequence[int]) -> Iterator[Request]:
    """The questions of some real outlines, in their own scenes where the pack has them."""
    known: dict[tuple[str, str], list[Target]] = {}
    for target in admitted(pack, protocol, protocol.split):
        known.setdefault((target.key, shape_key(target.name)), []).append(target)
    for row in rows:
        key, name = str(real.keys[row]), str(real.names[row])
        shape, number = real.shape(row), _number(real, row, protocol.seed)
        made = _in_scene(pack, protocol, known.get((key, name), []), shape)
        scene, guide = made or (Scene.empty(CANVAS, CANVAS), _middle_box(float(real.aspects[row])))
        aspect = (guide.x1 - guide.x0) / (guide.y1 - guide.y0)
        yield Request(name, shape, aspect, str(real.sets[row]), key, scene, guide, made is not None, number)


def _in_scene(pack: Pack, protocol: Protocol, targets: Iterable[Target], shape: np.ndarray) -> tuple[Scene, Box] | None:
    """The hidden scene and box of the packed object that an outline is of; None if the pack has none."""
    for target in targets:
        record = pack[target.record]
        seen = to_box_frame(record.scene.layers[target.layer].mask)
        if pairwise_ious(seen[None], shape[None])[0, 0] >= SAME:
            case = make_case(record, target, "box", protocol)
            assert isinstance(case.guide, Box)
            return case.scene, case.guide
    return None


def _middle_box(aspect: float) -> Box:
    """A box of an aspect in the middle of the canvas, on whole pixels."""
    longer = CANVAS * PART
    width = max(round(longer * min(aspect, 1.0)), 1)
    height = max(round(longer * min(1 / aspect, 1.0)), 1)
    x, y = (CANVAS - width) // 2, (CANVAS - height) // 2
    return Box(x, y, x + width, y + height)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Row i of all belongs to request i.

    pictures: {system: silhouettes}, the real ones under REAL.  shapes: {system: (N, side, side) bool} in their boxes.
    empty: {system: empty answers}, which count as empty pictures.
    """

    pictures: dict[str, Silhouettes]
    shapes: dict[str, np.ndarray]
    empty: dict[str, int]


def gather(questions: Iterable[Request], systems: Mapping[str, System], num_masks: int) -> Gathered:
    """One random answer of ``num_masks`` of every system to every request. ValueError if there is no request."""
    shapes: dict[str, list[np.ndarray]] = {REAL: [], **{name: [] for name in systems}}
    aspects, names, images = [], [], []
    for request in questions:
        shapes[REAL].append(request.real)
        aspects.append(request.aspect)
        names.append(request.name)
        images.append(request.image)
        for name, system in systems.items():
            said = system(request.scene, request.name, request.guide, num_masks, request.number)
            mask = np.asarray(said.masks[request.number % len(said.masks)], dtype=bool)
            shapes[name].append(to_box_frame(mask) if mask.any() else np.zeros((SHAPE_SIDE,) * 2, bool))
    if not names:
        raise ValueError("There is no whole outline to ask about; check the sources and the split.")
    about = np.array(names), np.array(images)
    pictures = {
        name: Silhouettes(np.stack([picture_of(s, a) for s, a in zip(some, aspects, strict=True)]), *about)
        for name, some in shapes.items()
    }
    empty = {name: int(sum(not shape.any() for shape in shapes[name])) for name in systems}
    return Gathered(pictures, {name: np.stack(some) for name, some in shapes.items()}, empty)


def picture_of(shape: np.ndarray, aspect: float) -> np.ndarray:
    """``(SIDE, SIDE)`` uint8 silhouette of a (side, side) bool shape in a box of an aspect; black for an empty one."""
    width, height = max(round(DRAWN * min(aspect, 1.0)), 1), max(round(DRAWN * min(1 / aspect, 1.0)), 1)
    mask = from_box_frame(shape, (0, 0, width, height), height, width)
    return silhouette(mask) if mask.any() else np.zeros((SIDE, SIDE), np.uint8)


def known_share(shapes: np.ndarray, memory: Outlines, batch: int = 1024) -> np.ndarray:
    """``(N,)`` bool: which of (N, side, side) shapes are within IoU SAME of a remembered outline, mirrored or not."""
    found = np.zeros(len(shapes), dtype=bool)
    for start in range(0, len(memory), batch):
        remembered = memory.shapes(np.arange(start, min(start + batch, len(memory))))
        for seen in (shapes, shapes[:, :, ::-1]):
            found |= (pairwise_ious(seen, remembered) >= SAME).any(axis=1)
    return found


def realism_report(
    systems: Mapping[str, Silhouettes], judge: Judge, folds: int = 5, steps: int = 300, seed: int = 0,
    reference: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Distances and AUC of every system. systems: {name: silhouettes}, row i for the same object; REAL is one.

    reference: the system of random real outlines; the others' AUC over its own is ``over``.
    """
    from smartmask.metrics.judge import features_of

    real = systems[REAL]
    features = {name: features_of(judge, some.pictures) for name, some in systems.items()}
    told = {name: tell_apart(real, some, judge, folds, steps, seed) for name, some in systems.items() if name != REAL}
    found: dict[str, Any] = {
        "objects": len(real),
        "images": len(np.unique(real.images)),
        "features": judge.config.features,
        "distances": distances(features, real.images, seed),
        "auc": {name: rounded(auc_interval(*scores, real.images, seed=seed)) for name, scores in told.items()},
    }
    if reference in told:
        found["over"] = {
            name: rounded(over_interval(scores, told[reference], real.images, seed))
            for name, scores in told.items()
            if name != reference
        }
    return found


def shares_of(judged: np.ndarray, remembered: np.ndarray) -> dict[str, list[float]]:
    """{set: [share of the judged outlines, share of the remembered ones]}, the largest of the memory first."""
    names, counts = np.unique(remembered, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {
        str(names[i]): [round(float((judged == names[i]).mean()), 4), round(float(counts[i] / len(remembered)), 4)]
        for i in order
    }


def realism_lines(report: Mapping[str, Any]) -> list[str]:
    """The page: what was compared with what, one table, the shares of the sets."""
    found = report["distances"]
    count = report["num_masks"]
    title = f"Realism: {report['objects']} whole outlines kept apart, one random suggestion of {count} for each"
    about = (
        f"Real: {report['kept_apart']}, {report['in_scene']} of them asked for in their own scene. "
        f"AUC: {report['folds']} folds by image, {report['steps']} steps a fold, 95 % bootstrap by image; .5 cannot be "
        "told from real, 1 always. Over: above the AUC of random remembered outlines of the same name and aspect. "
        f"Known: share within IoU {SAME:g} of a remembered outline in its box, mirrored or not. Distances: "
        f"{report['features']} features of the evaluation network, {found['objects_a_side']} outlines a side, "
        f"{found['halves']} halves of the images."
    )
    rows = []
    for name in (REAL, *report["auc"]):
        row = found[name]
        cells = [name, interval_text(report["auc"].get(name)), signed_text(report.get("over", {}).get(name))]
        cells += [f"{report['near_a_remembered_one'][name]:.3f}", interval_text(row["frechet"])]
        rows.append([*cells, f"{row['frechet_over_floor']:.2f}", f"{1000 * row['kid'][0]:.2f}"])
    lines = table(["masks", "AUC", "over", "known", "Frechet", "over the floor", "KID x 1000"], rows)
    shares = ", ".join(
        f"{name} {judged:.2f} ({held:.2f})"
        for name, (judged, held) in report["sets"].items()
        if max(judged, held) >= LISTED
    )
    lines += ["", f"Sets, share here (and in the memory): {shares}."]
    return page(title, report, about, lines)


def run(settings: RealismSettings) -> None:
    """One random suggestion of 8 told from whole outlines kept apart: AUC, over that of random remembered ones."""
    from smartmask.metrics.judge import load_judge

    seed, folds, steps = settings.seed, settings.folds, settings.steps
    protocol = settings.protocol()
    names = system_names(listed(settings.systems), protocol.guidance)
    network = load_judge(settings.judge)
    pack = Pack(settings.data)
    real = outlines_of(pack, protocol, settings.split, settings.outlines)
    asked = assemble(names, pack, protocol, settings)
    remembered = asked.bank.outlines
    chosen = in_shares(real, remembered, settings.limit or len(real), seed, settings.smallest)
    questions = list(requests(pack, protocol, real, chosen.tolist()))
    gathered = gather(watched("outlines", questions), asked.systems, settings.num_masks)
    found = realism_report(gathered.pictures, network, folds, steps, seed, RANDOM)
    known = {name: float(known_share(some, remembered).mean()) for name, some in gathered.shapes.items()}
    report: dict[str, Any] = {
        **measured("realism", settings.split, asked.about),
        "kept_apart": real.about,
        "judge": str(settings.judge or "bundled"),
        "folds": folds,
        "steps": steps,
        "num_masks": settings.num_masks,
        "in_scene": sum(question.in_scene for question in questions),
        "sets": shares_of(real.sets[chosen], remembered.sets),
        "near_a_remembered_one": {name: round(share, 4) for name, share in known.items()},
        "empty": gathered.empty,
        **found,
    }
    finish("realism", report, realism_lines(report), settings)


BENCHMARK = Benchmark("realism", RealismSettings, run)
