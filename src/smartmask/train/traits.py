"""Traits of remembered outlines: pose, view and direction, learned from labels judged by eye.

Kernel ridge regression on histograms of edge directions (Dalal and Triggs, CVPR 2005; here in the thing's own square,
with the sign of the edge): closed form, seconds, no seed. Each label counts a second time in the mirror. How well it
tells is measured on folds of sources that it has not seen. A trait's score is its expectation over the classes, and 0
where that leaves doubt, so that only clear outlines carry it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smartmask.data.traits import ASPECTS, MIRROR, VAGUE, Key, aspect_of, azimuth_words, read_labels, scores_of
from smartmask.geometry import rle_decode
from smartmask.io.reading import read_parquet

SIDE = 64  # pixels a side of a picture
MARGIN = 3
CELLS, BINS = 12, 8  # of the histograms: cells a side, directions
WIDTH = 0.5  # of the kernel, in median squared distances
RIDGE = 0.05
OTHER = 0.5  # kernel between outlines of different groups, beside 1
GROUPS: dict[str, tuple[str, ...]] = {
    "people": ("person",),
    "quadrupeds": (
        "alpaca", "bear", "bull", "camel", "cat", "cow", "deer", "dinosaur", "dog", "donkey", "elephant", "fox", "goat",
        "horse", "lion", "otter", "pig", "rat", "rhinoceros", "rodent", "sheep", "tiger", "wolf", "zebra", "giraffe",
    ),
    "apes and kangaroos": ("kangaroo", "monkey"),
    "birds": ("bird", "chicken", "duck", "eagle", "flamingo", "goose", "parrot", "penguin", "swan"),
    "cars": ("bus", "car", "fire truck", "truck", "van"),
    "cycles": ("bicycle", "motorcycle"),
    "airplanes": ("airplane", "jet"),
    "trains and boats": ("boat", "train"),
    "seats": ("chair", "couch"),
}  # fmt: skip
FOLDS = 5
LEAST = 6  # labels of a word in a group from which it is told there
UNSURE = 0.5  # scores nearer 0 than this are 0
SURE = 0.75  # the report: probability from which an outline counts as sure
STEPS = 8  # scores are rounded to this many parts of 1
SHARPNESS = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0)  # of the probabilities; the likeliest on unseen folds is taken


@dataclass(frozen=True, eq=False)
class Labelled:
    """Outlines as pictures with their labels, in the order of ``keys``.

    pictures: (n, SIDE, SIDE) uint8, 0 or 255. groups: (n,) index into GROUPS. folds: (n,) in 0..FOLDS-1, by source.
    targets: {aspect: (n,) index into its words, -1 for none}. words: (n,) labels, "" for none.
    """

    keys: list[Key]
    pictures: np.ndarray
    groups: np.ndarray
    folds: np.ndarray
    targets: dict[str, np.ndarray]
    words: list[str]


@dataclass(frozen=True, eq=False)
class TraitReport:
    """accuracy: {aspect: {group: {word: (right, all)}}} on sources not learned from; kept: the same where sure."""

    accuracy: dict[str, dict[str, dict[str, tuple[int, int]]]]
    kept: dict[str, dict[str, dict[str, tuple[int, int]]]]


def words_of(aspect: str) -> list[str]:
    """The classes of an aspect; a direction may also be none."""
    return [*ASPECTS[aspect], *(["none"] if aspect == "direction" else [])]


# --- reading -------------------------------------------------------------------------------------


def picture(mask: np.ndarray) -> np.ndarray:
    """``(SIDE, SIDE)`` uint8, 0 or 255: a mask's thing in the middle, its longer side SIDE - 2 MARGIN pixels."""
    ys, xs = np.nonzero(mask)
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    if not len(ys):
        return canvas
    tight = mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(np.uint8) * 255
    scale = (SIDE - 2 * MARGIN) / max(tight.shape)
    height, width = (max(1, round(side * scale)) for side in tight.shape)
    small = cv2.resize(tight, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    canvas[top : top + height, left : left + width] = np.where(small >= 128, 255, 0)
    return canvas


def read_outlines(file: Path, splits: Sequence[str] = ("train",)) -> Labelled:
    """The outlines of a table of curated ones whose names are in GROUPS, with the labels that are known."""
    columns = ["name", "set", "source", "number", "verdict", "split", "azimuth", "counts", "h", "w"]
    by_name = {name: index for index, names in enumerate(GROUPS.values()) for name in names}
    labels = read_labels()
    kept: list[dict[str, Any]] = []
    for row in read_parquet(file, "table of outlines", columns=columns).to_pylist():
        if row["split"] in splits and row["name"] in by_name and row["verdict"] in ("whole", "cut"):
            kept.append(row)
    keys = [(row["set"], row["source"], row["number"]) for row in kept]
    words = [
        labels.get(key, "") or azimuth_words(row["name"], row["azimuth"]) for key, row in zip(keys, kept, strict=True)
    ]
    groups = np.array([by_name[row["name"]] for row in kept], np.int64)
    pictures = [picture(rle_decode({"size": [r["h"], r["w"]], "counts": r["counts"]})) for r in kept]
    folds = np.array([_hash(source) % FOLDS for _, source, _ in keys], np.int64)
    stacked = np.stack(pictures) if pictures else np.zeros((0, SIDE, SIDE), np.uint8)
    return Labelled(keys, stacked, groups, folds, _targets(words, groups), words)


def _hash(text: str) -> int:
    return int(hashlib.sha1(text.encode()).hexdigest()[:8], 16)


def _targets(words: list[str], groups: np.ndarray) -> dict[str, np.ndarray]:
    """Class indices; words that are too rare in their group to be learned are -1."""
    targets = {}
    for aspect in ASPECTS:
        classes = words_of(aspect)
        found = np.full(len(words), -1, np.int64)
        for index, text in enumerate(words):
            mine = [word for word in text.split() if aspect_of(word) == aspect]
            if mine:
                found[index] = classes.index(mine[0])
            elif aspect == "direction" and {"front", "behind", "frontal"} & set(text.split()):
                found[index] = classes.index("none")
        for group in range(len(GROUPS)):
            for number in range(len(classes)):
                same = (groups == group) & (found == number)
                if same.sum() < LEAST:
                    found[same] = -1
            mine = (groups == group) & (found >= 0)
            different = {classes[number] for number in np.unique(found[mine]).tolist()}
            if len(different) < 2 or different <= set(VAGUE):
                found[mine] = -1  # nothing to tell apart, such as the poses of chairs
        targets[aspect] = found
    return targets


# --- learning ------------------------------------------------------------------------------------


def edges(pictures: np.ndarray) -> np.ndarray:
    """``(n, CELLS^2 BINS)`` float32 of pictures (n, SIDE, SIDE): how much edge of each direction lies where."""
    y, x = np.mgrid[:SIDE, :SIDE]
    found = np.zeros((len(pictures), BINS * CELLS * CELLS), np.float32)
    for row, one in zip(found, pictures, strict=True):
        soft = cv2.GaussianBlur(one.astype(np.float32) / 255, (0, 0), 1.5)
        across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        strength, turn = np.hypot(across, down), np.arctan2(down, across) / (2 * np.pi) * BINS
        low = np.floor(turn).astype(np.int64)
        part = turn - low
        planes = np.zeros((BINS, SIDE, SIDE), np.float32)
        planes[low % BINS, y, x] = strength * (1 - part)
        planes[(low + 1) % BINS, y, x] += strength * part
        near = [cv2.GaussianBlur(plane, (0, 0), 2.5) for plane in planes]
        row[:] = np.concatenate([cv2.resize(p, (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel() for p in near])
    found = np.sqrt(np.maximum(found, 0))
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


@dataclass(frozen=True, eq=False)
class _Known:
    """Labelled outlines, then their mirror images: features, squares, groups, folds, {aspect: targets}, and width."""

    rows: np.ndarray
    features: np.ndarray
    groups: np.ndarray
    folds: np.ndarray
    targets: dict[str, np.ndarray]
    width: float

    def kernel(self, features: np.ndarray, groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """``(n, m)`` between features (n, d) of groups (n,) and some of the known."""
        squares = 2 - 2 * features @ self.features[rows].T  # features have length 1
        alike = np.where(groups[:, None] == self.groups[rows], 1.0, OTHER)
        return np.exp(-squares.astype(np.float64) / self.width) * alike


def _known(data: Labelled) -> _Known:
    rows = np.nonzero(np.any([target >= 0 for target in data.targets.values()], axis=0))[0]
    features = np.concatenate([edges(data.pictures[rows]), edges(data.pictures[rows][:, :, ::-1])])
    targets = {}
    for aspect, target in data.targets.items():
        one = target[rows]
        targets[aspect] = np.concatenate([one, np.where(one >= 0, _mirrored_classes(aspect)[one], -1)])
    some = features[:: max(1, len(features) // 500)]
    width = WIDTH * float(np.median(2 - 2 * some @ some.T)) if len(some) else 1.0
    return _Known(rows, features, np.tile(data.groups[rows], 2), np.tile(data.folds[rows], 2), targets, width)


def _mirrored_classes(aspect: str) -> np.ndarray:
    classes = words_of(aspect)
    return np.array([classes.index(MIRROR.get(word, word)) for word in classes])


def _fitted(known: _Known, aspect: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (m, classes) of the known rows and the classes' shares: regression of one-of-c on the kernel."""
    wanted = np.eye(len(words_of(aspect)))[known.targets[aspect][rows]]
    shares = wanted.mean(axis=0)
    kernel = known.kernel(known.features[rows], known.groups[rows], rows) + RIDGE * np.eye(len(rows))
    weights: np.ndarray = np.linalg.solve(kernel, wanted - shares)
    return weights, shares


def _probabilities(raw: np.ndarray, allowed: np.ndarray, sharpness: float) -> np.ndarray:
    """``(n, classes)`` of the regression's values, among the words that each row's group has."""
    powers = np.where(allowed, np.exp(sharpness * np.clip(raw, -1, 2)), 0)
    total: np.ndarray = powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-9)
    return total


def learn_traits(data: Labelled) -> tuple[dict[str, np.ndarray], TraitReport]:
    """``{aspect: (n, classes)}`` probabilities of all outlines, and how well sources not learned from are told.

    Probabilities of an aspect without labels are 0.
    """
    known, told, report = _known(data), {}, TraitReport({}, {})
    half = len(known.rows)
    features = edges(data.pictures)
    for aspect, target in data.targets.items():
        labelled = known.targets[aspect] >= 0
        if not labelled.any():  # a table without the labelled outlines: nothing is told
            told[aspect] = np.zeros((len(data.keys), len(words_of(aspect))))
            report.accuracy[aspect], report.kept[aspect] = {}, {}
            continue
        allowed = _allowed(data, aspect)
        unseen = np.zeros((half, len(words_of(aspect))))
        for fold in range(FOLDS):
            rows, mine = np.nonzero(labelled & (known.folds != fold))[0], np.nonzero(known.folds[:half] == fold)[0]
            if len(rows) and len(mine):
                weights, shares = _fitted(known, aspect, rows)
                unseen[mine] = known.kernel(known.features[mine], known.groups[mine], rows) @ weights + shares
        wanted, may = target[known.rows], allowed[data.groups[known.rows]]
        sharpness = _sharpest(unseen[wanted >= 0], may[wanted >= 0], wanted[wanted >= 0])
        _count(report, aspect, data.groups[known.rows], wanted, _probabilities(unseen, may, sharpness))
        rows = np.nonzero(labelled)[0]
        weights, shares = _fitted(known, aspect, rows)
        parts = [
            known.kernel(features[start : start + 1024], data.groups[start : start + 1024], rows) @ weights + shares
            for start in range(0, len(features), 1024)
        ]
        told[aspect] = _probabilities(np.concatenate(parts), allowed[data.groups], sharpness)
    return told, report


def _allowed(data: Labelled, aspect: str) -> np.ndarray:
    """``(groups, classes)`` bool: words that a group has labels for."""
    table, target = np.zeros((len(GROUPS), len(words_of(aspect))), bool), data.targets[aspect]
    table[data.groups[target >= 0], target[target >= 0]] = True
    return table


def _sharpest(raw: np.ndarray, allowed: np.ndarray, wanted: np.ndarray) -> float:
    """The sharpness at which the labels are likeliest."""
    every = np.arange(len(wanted))
    losses = [-np.log(np.maximum(_probabilities(raw, allowed, s)[every, wanted], 1e-6)).mean() for s in SHARPNESS]
    return SHARPNESS[int(np.argmin(np.round(losses, 4)))]


def _count(report: TraitReport, aspect: str, groups: np.ndarray, wanted: np.ndarray, told: np.ndarray) -> None:
    """What was told rightly, by group and word."""
    classes, best = words_of(aspect), told.argmax(axis=1)
    for table, some in ((report.accuracy, wanted >= 0), (report.kept, (wanted >= 0) & (told.max(axis=1) >= SURE))):
        table[aspect] = {}
        for index, group in enumerate(GROUPS):
            mine = some & (groups == index)
            table[aspect][group] = {
                classes[c]: (int((mine & (wanted == c) & (best == c)).sum()), int((mine & (wanted == c)).sum()))
                for c in np.unique(wanted[mine]).tolist()
            }


# --- scores --------------------------------------------------------------------------------------


def trait_scores(data: Labelled, told: dict[str, np.ndarray]) -> dict[Key, dict[str, float]]:
    """``{key: {trait: score}}``: labels where there are any, else what is told for sure; zeros are left out.

    Nothing is said of traits that no outline of a group has: that no cat rides tells no cat from another.
    """
    tables = {aspect: _table(aspect) for aspect in ASPECTS}
    had = [_traits_of(words for words, group in zip(data.words, data.groups, strict=True) if group == index)
           for index in range(len(GROUPS))]  # fmt: skip
    vague = told["pose"][:, [words_of("pose").index(word) for word in VAGUE]].sum(axis=1) >= UNSURE
    found: dict[Key, dict[str, float]] = {}
    for index, key in enumerate(data.keys):
        scores: dict[str, float] = {}
        words = data.words[index].split()
        labelled = set(ASPECTS) if set(VAGUE) & set(words) else {aspect_of(word) for word in words}
        for aspect, (traits, table) in tables.items():
            if aspect not in labelled and not (vague[index] and aspect != "pose"):  # a lump has neither view nor side
                expected = told[aspect][index] @ table
                scores |= {t: float(v) for t, v in zip(traits, expected, strict=True) if abs(v) >= UNSURE}
        scores |= scores_of(data.words[index])
        kept = {trait: round(score * STEPS) / STEPS for trait, score in scores.items()}
        found[key] = {trait: kept[trait] for trait in sorted(kept) if kept[trait] and trait in had[data.groups[index]]}
    return found


def _traits_of(labels: Iterable[str]) -> set[str]:
    """Traits that some of the labels speak for; a direction is one for both sides."""
    scores = [scores_of(words) for words in labels]
    return {trait for one in scores for trait, score in one.items() if score >= UNSURE or trait == "left"}


def _table(aspect: str) -> tuple[list[str], np.ndarray]:
    """Traits of an aspect, and (classes, traits) the scores that each word gives them."""
    rows = [{} if word == "none" else scores_of(word) for word in words_of(aspect)]
    traits = sorted({trait for row in rows for trait in row})
    return traits, np.array([[row.get(trait, 0.0) for trait in traits] for row in rows])


def all_traits(file: Path, splits: Sequence[str] = ("train",)) -> dict[Key, dict[str, float]]:
    """``{(set, source, number): {trait: score in [-1, 1]}}`` of the whole and cut outlines in a curated table."""
    data = read_outlines(file, splits)
    told, _ = learn_traits(data)
    return trait_scores(data, told)


def trait_lines(data: Labelled, report: TraitReport, scores: dict[Key, dict[str, float]]) -> Iterator[str]:
    """What ``smartmask train traits`` prints: how rightly traits are told, and how many outlines carry each."""
    yield f"{len(data.keys):,} outlines, {sum(map(bool, data.words)):,} with a label."
    for aspect in ASPECTS:
        for group, words in report.accuracy[aspect].items():
            if words:
                right, count = (sum(pair[i] for pair in words.values()) for i in (0, 1))
                kept = report.kept[aspect][group].values()
                sure_right, sure = (sum(pair[i] for pair in kept) for i in (0, 1))
                by_word = ", ".join(f"{word} {a}/{b}" for word, (a, b) in words.items())
                where = f"{sure_right / max(sure, 1):.2f} of {sure} told with {SURE} or more"
                yield f"{aspect}, {group}: {right / count:.2f} of {count}; {where}; {by_word}"
    for index, group in enumerate(GROUPS):
        mine = [scores[key] for key, own in zip(data.keys, data.groups, strict=True) if own == index]
        counts = Counter(f"{'not ' * (v < 0)}{trait}" for one in mine for trait, v in one.items())
        yield f"{group} ({len(mine)}): " + ", ".join(f"{trait} {count}" for trait, count in sorted(counts.items()))
