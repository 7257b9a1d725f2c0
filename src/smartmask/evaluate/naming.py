"""Does the name matter? Shares of masks that the evaluation network takes for what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from smartmask.data.shapes import shape_key
from smartmask.data.silhouettes import silhouette
from smartmask.data.targets import Case, Target
from smartmask.evaluate.baselines import System
from smartmask.evaluate.realism import REAL
from smartmask.metrics.judge import Judge, named_by
from smartmask.metrics.masks import Interval, bootstrap_interval

UNNAMED = "object"  # what the control asks for: how much of the class the box alone gives away
# Words of LVIS that are a kind of, or another word for, a class of the judge's.
WORDS = {
    "puppy": "dog",
    "kitten": "cat",
    "pony": "horse",
    "calf": "cow",
    "lamb": "sheep",
    "cab": "car",
    "sofa": "couch",
    "armchair": "chair",
    "ship": "boat",
    "motorbike": "motorcycle",
    "aeroplane": "airplane",
    "woman": "person",
}


def macro_interval(right: np.ndarray, names: np.ndarray, images: np.ndarray, seed: int = 0) -> Interval:
    """Mean over classes of each class's share, and its 95 % bootstrap interval over images.

    right: (N,) in [0, 1].  names, images: (N,).  A class that a resample has lost does not count in it.
    """
    _, of_class = np.unique(names, return_inverse=True)
    _, of_image = np.unique(images, return_inverse=True)
    shape = of_image.max() + 1, of_class.max() + 1
    sums, sizes = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (of_image, of_class), right)
    np.add.at(sizes, (of_image, of_class), 1)
    draws = np.random.default_rng(seed).multinomial(shape[0], np.full(shape[0], 1 / shape[0]), size=1000)
    with np.errstate(invalid="ignore"):
        means = np.nanmean((draws @ sums) / (draws @ sizes), axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float((sums.sum(0) / sizes.sum(0)).mean()), float(low), float(high))


def judged(masks: np.ndarray, judge: Judge, name: str) -> np.ndarray:
    """``(n,)`` bool: which of ``(n, H, W)`` masks the judge takes for ``name``; an empty mask is not."""
    said = np.zeros(len(masks), dtype=bool)
    full = [i for i, mask in enumerate(masks) if mask.any()]
    if full:
        pictures = np.stack([silhouette(masks[i]) for i in full])
        said[full] = named_by(judge, pictures) == shape_key(name)
    return said


def known_targets(targets: Iterable[Target], judge: Judge, each: int) -> list[Target]:
    """Of each class that the judge knows, its first ``each`` targets, in the order given.

    Raises ValueError if there is none.
    """
    found: dict[str, list[Target]] = {shape_key(name): [] for name in judge.config.names}
    for target in targets:
        of_class = found.get(shape_key(target.name))
        if of_class is not None and len(of_class) < each:
            of_class.append(target)
    chosen = [target for of_class in found.values() for target in of_class]
    if not chosen:
        raise ValueError(f"No object is of a class that the judge knows: {', '.join(judge.config.names)}.")
    return chosen


def text_report(
    questions: Iterable[Case],
    systems: Mapping[str, System],
    judge: Judge,
    num_masks: int,
    seed: int,
    control: str | None = None,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Macro accuracy of each system's masks, and of the real objects under REAL: the ceiling.

    control: the system that is also asked for UNNAMED in the same boxes, as "<control>, unnamed".
    ``of_ceiling`` is a system's macro accuracy over the real objects'. Raises ValueError without a question.
    """
    asked: dict[str, tuple[System, str | None]] = {name: (system, None) for name, system in systems.items()}
    if control is not None:
        asked[f"{control}, unnamed"] = systems[control], UNNAMED
    right: dict[str, list[float]] = {REAL: [], **{name: [] for name in asked}}
    names, images = [], []
    for case in questions:
        name = case.target.name
        names.append(shape_key(name))
        images.append(case.target.key)
        right[REAL].append(float(judged(case.true[None], judge, name)[0]))
        for label, (system, word) in asked.items():
            said = system(case.scene, word or name, case.guide, num_masks, case.target.number(seed))
            right[label].append(float(judged(said.masks, judge, name).mean()))
        advance()
    if not names:
        raise ValueError("There is no object to ask about; check the sources and the split.")
    about = np.array(names), np.array(images)
    found = {label: np.array(values) for label, values in right.items()}
    ceiling = macro_interval(found[REAL], *about).mean
    return {
        "objects": len(names),
        "masks_an_object": num_masks,
        "classes": {str(n): int((about[0] == n).sum()) for n in np.unique(about[0])},
        "macro_accuracy": {label: _rounded(macro_interval(v, *about)) for label, v in found.items()},
        "of_ceiling": {
            label: round(macro_interval(v, *about).mean / ceiling, 4) if ceiling else None for label, v in found.items()
        },
        "by_class": {
            str(n): {label: round(float(v[about[0] == n].mean()), 4) for label, v in found.items()}
            for n in np.unique(about[0])
        },
    }


def word_report(
    questions: Sequence[Case],
    system: System,
    judge: Judge,
    words: Mapping[str, str],
    samples: int,
    num_masks: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """For each word: how often masks asked for by it pass as its class, beside masks asked for by the class's name.

    ``samples`` masks each, ``num_masks`` a box, in the same boxes with the same seeds; a class with too
    few boxes goes round again with other seeds. ``difference``: word minus class, with its interval
    over images. Words whose class has no question are left out.
    """
    found: dict[str, Any] = {}
    for word, name in words.items():
        cases = [case for case in questions if shape_key(case.target.name) == shape_key(name)]
        if not cases:
            continue
        rows: list[tuple[float, float, str]] = []
        calls = -(-samples // num_masks)
        for call in range(calls):
            case = cases[call % len(cases)]
            number = case.target.number(seed) + (call // len(cases)) * 1000
            shares = []
            for asked in (word, name):
                said = system(case.scene, asked, case.guide, num_masks, number)
                shares.append(float(judged(said.masks, judge, name).mean()))
            rows.append((shares[0], shares[1], case.target.key))
            advance()
        by_word, by_name = (np.array([row[i] for row in rows]) for i in (0, 1))
        images = np.array([row[2] for row in rows])
        found[word] = {
            "class": name,
            "samples": calls * num_masks,
            "boxes": len(cases),
            "word": round(float(by_word.mean()), 4),
            "name": round(float(by_name.mean()), 4),
            "difference": _rounded(bootstrap_interval(by_word - by_name, images)),
        }
    return found


def _rounded(interval: Interval) -> list[float]:
    return [round(value, 4) for value in interval]


def text_lines(report: Mapping[str, Any]) -> list[str]:
    """The text report as Markdown."""
    found = report["text"]
    lines = [
        f"# Text: {found['objects']} objects of {len(found['classes'])} classes, guidance {report['guidance']}",
        "",
        f"smartmask {report['version']}, `{report['command']}`; weights: {report['weights']}; split {report['split']}.",
        "Share of masks that a network trained on real masks takes for the class asked for; mean over classes, 95 % "
        f"bootstrap by image; {found['masks_an_object']} masks an object. Chance {report['chance']:.3f}. Retrieval "
        "pastes shapes of the training split, which the network was trained on, so it may pass the ceiling.",
        "",
        "| masks | macro accuracy | of the ceiling |",
        "|---|---|---|",
    ]
    for label, interval in found["macro_accuracy"].items():
        shown = "real (ceiling)" if label == REAL else label
        share = found["of_ceiling"][label]
        cell = "{:.3f} [{:.3f}, {:.3f}]".format(*interval)
        lines.append(f"| {shown} | {cell} | {'-' if share is None else f'{share:.2f}'} |")
    systems = list(found["macro_accuracy"])
    lines += ["", "| class | objects | " + " | ".join(systems) + " |", "|---|---|" + "---|" * len(systems)]
    for name, values in found["by_class"].items():
        cells = " | ".join(f"{values[s]:.2f}" for s in systems)
        lines.append(f"| {name} | {found['classes'][name]} | {cells} |")
    if report["words"]:
        lines += ["", "| word | its class | samples | by the word | by the class's name | difference |"]
        lines.append("|---|---|---|---|---|---|")
        for word, row in report["words"].items():
            gap = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*row["difference"])
            lines.append(
                f"| {word} | {row['class']} | {row['samples']} | {row['word']:.3f} | {row['name']:.3f} | {gap} |"
            )
    return lines
