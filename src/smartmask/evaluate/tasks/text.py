"""Does the name matter? Shares of masks that the evaluation network takes for what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import shape_key
from smartmask.data.silhouettes import silhouette
from smartmask.data.targets import Case, Target, find_targets
from smartmask.evaluate.baselines import System
from smartmask.evaluate.protocol import JUDGE, Benchmark, ObjectSettings, cases, listed
from smartmask.evaluate.report import finish, interval_text, measured, page, signed_text, table
from smartmask.evaluate.systems import PIPELINE, assemble, system_names
from smartmask.io.bars import watched
from smartmask.io.settings import option
from smartmask.metrics.intervals import macro_interval, mean_interval, rounded
from smartmask.metrics.sets import REAL

if TYPE_CHECKING:
    from smartmask.metrics.judge import Judge

CALL = 8  # masks a call where words are compared
UNNAMED = "object"  # what the control asks for: how much of the class the box alone gives away
# Words of LVIS that are a kind of, or another word for, a class of the judge's.
WORDS = {
    "puppy": "dog", "kitten": "cat", "pony": "horse", "calf": "cow", "lamb": "sheep", "cab": "car", "sofa": "couch",
    "armchair": "chair", "ship": "boat", "motorbike": "motorcycle", "aeroplane": "airplane", "woman": "person",
}  # fmt: skip


class TextSettings(ObjectSettings):
    """Objects of the classes that the evaluation network knows, and words for them."""

    each: int = option(25, "Objects a class, at most.", ge=1)
    guidance: str = option("box", "Of box, blob, scribble, mask, point, none.")
    systems: str = option("pipeline,retrieval", "Of pipeline and the baselines.")
    num_masks: int = option(4, "Samples an object.", ge=2)
    words: str | None = option(
        None, "Words to ask for beside their class: puppy=dog,cab=car; 'all' for the built-in list."
    )
    samples: int = option(400, "Masks a word.", ge=1)
    judge: Path | None = JUDGE


def judged(masks: np.ndarray, judge: Judge, name: str) -> np.ndarray:
    """``(n,)`` bool: which of ``(n, H, W)`` masks the judge takes for ``name``; an empty mask is not."""
    from smartmask.metrics.judge import named_by

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
    if not names:
        raise ValueError("There is no object to ask about; check the sources and the split.")
    about = np.array(names), np.array(images)
    found = {label: np.array(values) for label, values in right.items()}
    macro = {label: macro_interval(values, *about) for label, values in found.items()}
    ceiling = macro[REAL].mean
    return {
        "objects": len(names),
        "masks_an_object": num_masks,
        "classes": {str(n): int((about[0] == n).sum()) for n in np.unique(about[0])},
        "macro_accuracy": {label: rounded(v) for label, v in macro.items()},
        "of_ceiling": {label: round(v.mean / ceiling, 4) if ceiling else None for label, v in macro.items()},
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
) -> dict[str, Any]:
    """For each word: how often masks asked for by it pass as its class, beside masks asked for by the class's name.

    ``samples`` masks each, ``num_masks`` a box, in the same boxes with the same seeds; a class with too
    few boxes goes round again with other seeds. ``difference``: word minus class, with its interval
    over images. Words whose class has no question are left out.
    """
    found: dict[str, Any] = {}
    for word, name in watched("words", words.items()):
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
        by_word, by_name = (np.array([row[i] for row in rows]) for i in (0, 1))
        images = np.array([row[2] for row in rows])
        found[word] = {
            "class": name,
            "samples": calls * num_masks,
            "boxes": len(cases),
            "word": round(float(by_word.mean()), 4),
            "name": round(float(by_name.mean()), 4),
            "difference": mean_interval(by_word - by_name, images),
        }
    return found


def text_lines(report: Mapping[str, Any]) -> list[str]:
    """The text report as Markdown."""
    found = report["text"]
    title = f"Text: {found['objects']} objects of {len(found['classes'])} classes, guidance {report['guidance']}"
    about = (
        "Share of masks that a network trained on real masks takes for the class asked for; mean over classes, 95 % "
        f"bootstrap by image; {found['masks_an_object']} masks an object. Chance {report['chance']:.3f}. Retrieval "
        "pastes shapes of the training split, which the network was trained on, so it may pass the ceiling."
    )
    rows = []
    for label, interval in found["macro_accuracy"].items():
        share = found["of_ceiling"][label]
        shown = "real (ceiling)" if label == REAL else label
        rows.append([shown, interval_text(interval), "-" if share is None else f"{share:.2f}"])
    lines = [*table(["masks", "macro accuracy", "of the ceiling"], rows), ""]
    systems = list(found["macro_accuracy"])
    by_class = found["by_class"].items()
    rows = [[name, found["classes"][name], *(f"{values[s]:.2f}" for s in systems)] for name, values in by_class]
    lines += table(["class", "objects", *systems], rows)
    if report["words"]:
        heads = ["word", "its class", "samples", "by the word", "by the class's name", "difference"]
        rows = []
        for word, row in report["words"].items():
            gap = signed_text(row["difference"])
            rows.append([word, row["class"], row["samples"], f"{row['word']:.3f}", f"{row['name']:.3f}", gap])
        lines += ["", *table(heads, rows)]
    return page(title, report, about, lines)


def parse_words(given: str | None) -> dict[str, str]:
    """``puppy=dog,cab=car`` as a dict; "all" is the built-in list, None nothing. ValueError for other forms."""
    if given is None:
        return {}
    if given.strip() == "all":
        return dict(WORDS)
    pairs = [part.split("=") for part in listed(given)]
    if not pairs or any(len(pair) != 2 or not all(p.strip() for p in pair) for pair in pairs):
        raise ValueError(f"The words '{given}' are not of the form WORD=CLASS,WORD=CLASS; write puppy=dog, or all.")
    return {word.strip(): name.strip() for word, name in pairs}


def run(settings: TextSettings) -> None:
    """Class accuracy of a network trained on real masks, on generated masks and on real ones (the ceiling)."""
    from smartmask.metrics.judge import load_judge

    protocol, seed = settings.protocol(guidance=(settings.guidance,)), settings.seed
    names = system_names(listed(settings.systems), protocol.guidance)
    words = parse_words(settings.words)
    if words and PIPELINE not in names:
        raise ValueError("Words are asked of the pipeline; add it to --systems.")
    network = load_judge(settings.judge)
    pack = Pack(settings.data)
    every = find_targets(pack, protocol)
    asked = assemble(names, pack, protocol, settings)
    targets = known_targets(every, network, settings.each)
    control = PIPELINE if PIPELINE in names else None
    questions = watched("objects", cases(pack, targets, protocol), len(targets))
    found = text_report(questions, asked.systems, network, settings.num_masks, seed, control)
    said: dict[str, Any] = {}
    if words:
        calls = -(-settings.samples // CALL)
        boxes = [t for t in known_targets(every, network, calls) if t.name in words.values()]
        asking = list(cases(pack, boxes, protocol))
        said = word_report(asking, asked.systems[PIPELINE], network, words, settings.samples, CALL, seed)
    report = measured("text", settings.split, asked.about) | {"judge": str(settings.judge or "bundled")}
    report |= {"guidance": settings.guidance, "rules": protocol.rules()}
    report |= {"chance": round(1 / len(network.config.names), 4), "text": found, "words": said}
    finish("text", report, text_lines(report), settings)


BENCHMARK = Benchmark("text", TextSettings, run)
