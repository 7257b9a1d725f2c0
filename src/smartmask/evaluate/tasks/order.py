"""In front or behind? Depth of a new object beside things it overlaps, where the truth is known.

Composed scenes (data/compose.py) put a whole object of one picture into another at a chosen depth;
amodal annotations (COCOA) hold the depth of real neighbours. A judged pair is a new object and one
thing whose masks overlap: what is asked is which of them hides the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.data.compose import compose, is_complete
from smartmask.data.pack import Pack
from smartmask.data.targets import Protocol, admitted
from smartmask.evaluate.protocol import Benchmark, PackSettings, ReportSettings, listed
from smartmask.evaluate.report import finish, interval_text, measured, page, signed_text, table
from smartmask.evaluate.systems import PIPELINE, load_pipeline
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.io.bars import watched
from smartmask.io.settings import option
from smartmask.metrics.intervals import macro_interval, rounded
from smartmask.scene import Scene

COMMON = 20  # pixels that two masks share before one can be said to hide the other
SMALLEST = 0.01  # of the image: smaller things are no partners


class OrderSettings(PackSettings, ReportSettings):
    """Scenes of known depth."""

    scenes: int = option(400, "Composed scenes.", ge=2)
    sources: str = option("voc,coco", "Whose objects count, separated by commas.")
    annotated: str = option("cocoa", "Source with annotated depth, reported apart.")


@dataclass(frozen=True, eq=False)
class OrderQuestion:
    """A new object in a scene that does not hold it. scene: as a system sees it.  name, box: the object's.
    partners: (index in ``scene.layers``, whether the object stands in front of it), at least one.
    image: key of the picture."""

    scene: Scene
    name: str
    box: BoxXYXY
    partners: tuple[tuple[int, bool], ...]
    image: str


# (question) -> for each partner, whether the new object stands in front of it
OrderSystem = Callable[[OrderQuestion], Sequence[bool]]


def question_of(scene: Scene, index: int, image: str) -> OrderQuestion | None:
    """The question for layer ``index``, whose order in ``scene.layers`` is the truth; None without partners."""
    mask = scene.layers[index].mask
    box = mask_box(mask)
    if box is None:
        return None
    least = max(COMMON, 0.02 * np.count_nonzero(mask))
    partners = []
    for other, layer in enumerate(scene.layers):
        big = np.count_nonzero(layer.mask) >= SMALLEST * mask.size
        if other != index and layer.thing and big and np.count_nonzero(layer.mask & mask) >= least:
            partners.append((other - (other > index), index > other))
    if not partners:
        return None
    return OrderQuestion(scene.remove(index), scene.layers[index].name, box, tuple(partners), image)


def composed_questions(pack: Pack, protocol: Protocol, count: int) -> Iterator[OrderQuestion]:
    """Up to ``count`` questions in scenes of ``protocol.split`` composed by chance from ``protocol.seed``.

    Hosts and donors are of the split, never of one picture. Raises ValueError without objects.
    """
    targets = admitted(pack, protocol, protocol.split)
    if len({t.key for t in targets}) < 2:
        raise ValueError(f"The {protocol.split} split of {pack.path} has no two pictures with objects to compose.")
    rng = np.random.default_rng(protocol.seed)
    found, tries = 0, 0
    while found < count and tries < 60 * count:
        tries += 1
        host, donor = (targets[i] for i in rng.integers(0, len(targets), 2))
        if host.key == donor.key:
            continue
        given = pack.scene(donor.record)
        if not is_complete(given, donor.layer):
            continue
        composed = compose(pack.scene(host.record), given.layers[donor.layer], rng)
        question = None if composed is None else question_of(*composed, host.key)
        if question is not None:
            found += 1
            yield question


def annotated_questions(pack: Pack, source: str = "cocoa") -> Iterator[tuple[str, OrderQuestion]]:
    """(split, question) for every thing of the amodal pictures of a source, whichever split they are in."""
    for position, name in enumerate(pack.meta.sources):
        if name != source:
            continue
        scene = pack.scene(position)
        for index, layer in enumerate(scene.layers):
            question = question_of(scene, index, pack.meta.keys[position]) if layer.thing else None
            if question is not None:
                yield pack.meta.splits[position], question


def pipeline_order(pipe: Any) -> OrderSystem:
    """What the pipeline's choice of depth says about each partner."""

    def system(question: OrderQuestion) -> list[bool]:
        order = int(pipe.model.places.order(question.scene, question.box))
        return [order > other for other, _ in question.partners]

    return system


def by_box(rule: Callable[[BoxXYXY, BoxXYXY], bool]) -> OrderSystem:
    """A heuristic on the new object's box and a partner's."""

    def system(question: OrderQuestion) -> list[bool]:
        boxes = (mask_box(question.scene.layers[other].mask) for other, _ in question.partners)
        return [box is not None and rule(question.box, box) for box in boxes]

    return system


def _area(box: BoxXYXY) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


HEURISTICS: dict[str, OrderSystem] = {
    "lower edge": by_box(lambda new, other: new[3] >= other[3]),
    "larger": by_box(lambda new, other: _area(new) >= _area(other)),
    "smaller": by_box(lambda new, other: _area(new) < _area(other)),
    "always in front": by_box(lambda new, other: True),
}


def order_report(questions: Sequence[OrderQuestion], systems: Mapping[str, OrderSystem]) -> dict[str, Any]:
    """Balanced accuracy (mean of the shares right among true front and true behind pairs) with intervals by image.

    The first system is compared with the best of the others: ``minus_best``. Raises ValueError if
    there is no pair.
    """
    if not questions:
        raise ValueError("There is no overlapping pair of known depth; use a larger split or more scenes.")
    truth = np.array([front for q in questions for _, front in q.partners])
    images = np.array([q.image for q in questions for _ in q.partners])
    right = {name: np.array([s for q in questions for s in system(q)]) == truth for name, system in systems.items()}
    shares = {name: macro_interval(some.astype(float), truth, images) for name, some in right.items()}
    found: dict[str, Any] = {
        "questions": len(questions),
        "pairs": len(truth),
        "in_front": int(truth.sum()),
        "behind": int((~truth).sum()),
        "balanced_accuracy": {name: rounded(share) for name, share in shares.items()},
        "right_in_front": {name: _share(some[truth]) for name, some in right.items()},
        "right_behind": {name: _share(some[~truth]) for name, some in right.items()},
    }
    first, *others = right
    if others:
        best = max(others, key=lambda name: shares[name].mean)
        gap = macro_interval(right[first].astype(float) - right[best], truth, images)
        found["minus_best"] = {"best": best, "difference": rounded(gap)}
    return found


def _share(right: np.ndarray) -> float | None:
    return round(float(right.mean()), 4) if right.size else None


def order_lines(title: str, found: Mapping[str, Any]) -> list[str]:
    """One order report as a Markdown table."""
    rows = []
    for name, interval in found["balanced_accuracy"].items():
        shares = (found[f"right_{where}"][name] for where in ("in_front", "behind"))
        rows.append([name, interval_text(interval), *("-" if share is None else f"{share:.3f}" for share in shares)])
    lines = [f"## {title}: {found['pairs']} pairs ({found['in_front']} in front, {found['behind']} behind)", ""]
    lines += table(["rule", "balanced accuracy", "right where in front", "right where behind"], rows)
    if "minus_best" in found:
        gap = found["minus_best"]
        first = next(iter(found["balanced_accuracy"]))
        lines += ["", f"{first} minus {gap['best']}: {signed_text(gap['difference'])}"]
    return [*lines, ""]


def run(settings: OrderSettings) -> None:
    """In front or behind: balanced accuracy in composed scenes of known depth, beside simple rules on boxes."""
    protocol = Protocol(split=settings.split, sources=listed(settings.sources), limit=None, seed=settings.seed)
    pack = Pack(settings.data)
    systems = {PIPELINE: pipeline_order(load_pipeline(settings.weights)), **HEURISTICS}
    asking = composed_questions(pack, protocol, settings.scenes)
    questions = list(watched("scenes", asking, settings.scenes))
    report = measured("order", settings.split, {"weights": str(settings.weights or "bundled")})
    report |= {"seed": settings.seed, "composed": order_report(questions, systems), "annotated": {}}
    about = (
        "Balanced accuracy: mean of the shares right among pairs truly in front and truly "
        "behind; 95 % bootstrap by image. Composed objects stand in front of all in half of the scenes, and by their "
        "lower edge in the others."
    )
    lines = order_lines("Composed scenes", report["composed"])
    by_split: dict[str, list[OrderQuestion]] = {}
    for where, question in annotated_questions(pack, settings.annotated):
        by_split.setdefault(where, []).append(question)
    for where, some in by_split.items():
        report["annotated"][where] = order_report(some, systems)
        lines += order_lines(f"{settings.annotated}, {where} split, annotated depth", report["annotated"][where])
    finish("order", report, page("Order", report, about, lines), settings)


BENCHMARK = Benchmark("order", OrderSettings, run)
