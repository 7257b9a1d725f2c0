"""From opinions and scores to verdicts: what is doubtful, fused or too coarse, and how good the rest is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from smartmask.data.curation import Curated
from smartmask.data.curation_clear import STEPS, clearness, key_of, looked_at
from smartmask.data.curation_eye import Key, Opinion

PRECISION = 0.9  # of the outlines looked at, above the score from which others of their name are kept
LEAST_SCORE, MOST_SCORE = 0.05, 0.95  # of that score
UNLOOKED_SCORE = 0.05  # names that nobody looked at lose what scores less
COARSE, PLENTY = 48, 40  # pixels of the longer side: coarser ones go where a name has plenty of finer ones
TWO, WAIST = 0.75, 0.4  # a second part nearly as thick as the first, and not much smaller, with a waist between
FUSING = frozenset({"person", "sheep", "cow", "bird", "dog", "cat", "horse", "pig", "boat", "bottle", "car"})
UNKNOWN = {"photo": 0.6, "model": 0.5, "drawn": 0.6}  # clearness where no score tells


def decide(outlines: Sequence[Curated], opinions: Mapping[Key, Opinion], steps: int = STEPS) -> None:
    """Apply opinions, coarseness, fusion and clearness to verdicts, reasons and qualities, in place.

    steps: of each training of the network that tells clearness.
    """
    for outline in outlines:
        _heed(outline, opinions.get(key_of(outline)))
    _drop_coarse(outlines, opinions)
    for outline in outlines:
        plain = outline.verdict == "whole" and outline.kind == "photo" and outline.name in FUSING
        if plain and key_of(outline) not in opinions and looks_like_two(outline.mask):
            outline.verdict = "fused"
    scores = clearness(outlines, opinions, steps)
    _doubt(outlines, opinions, scores)
    _grade(outlines, opinions, scores)


def _heed(outline: Curated, opinion: Opinion | None) -> None:
    if opinion == "unclear" and outline.verdict == "whole":
        outline.verdict, outline.reason = "reviewed", "unclear to the eye"
    elif opinion == "group" and outline.verdict == "whole":
        outline.verdict, outline.reason = "fused", "several to the eye"
    elif opinion == "kept" and outline.name is not None and outline.verdict != "whole":
        outline.reason = f"whole to the eye, though {outline.verdict} by rule"
        outline.verdict = "whole"


def _drop_coarse(outlines: Sequence[Curated], opinions: Mapping[Key, Opinion]) -> None:
    """Call coarse outlines tiny where their name has PLENTY of finer ones in the training split."""
    fine = Counter(o.name for o in outlines if _is_whole_photo(o) and o.split == "train" and _longest(o) >= COARSE)
    for outline in outlines:
        spared = opinions.get(key_of(outline)) in ("clear", "kept")
        if _is_whole_photo(outline) and _longest(outline) < COARSE and fine[outline.name] >= PLENTY and not spared:
            outline.verdict = "tiny"


def _is_whole_photo(outline: Curated) -> bool:
    return outline.verdict == "whole" and outline.kind == "photo"


def _longest(outline: Curated) -> int:
    x0, y0, x1, y1 = outline.box
    return max(x1 - x0, y1 - y0)


def looks_like_two(mask: np.ndarray) -> bool:
    """Whether a mask falls into two thick parts of like size when it is worn down evenly: two things side by side."""
    scale = 96 / max(mask.shape)
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    small = np.pad(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5, 2)
    depth = cv2.distanceTransform(small.astype(np.uint8), cv2.DIST_L2, 5)
    for share in (0.15, 0.25, 0.35, 0.45):
        count, parts, stats, _ = cv2.connectedComponentsWithStats(
            (depth > share * depth.max()).astype(np.uint8), connectivity=4
        )
        if count > 2:
            peaks = sorted((float(depth[parts == part].max()) for part in range(1, count)), reverse=True)
            areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
            if peaks[1] > TWO * peaks[0] and areas[1] > WAIST * areas[0]:
                return True
    return False


def thresholds(outlines: Sequence[Curated], opinions: Mapping[Key, Opinion], scores: np.ndarray) -> dict[str, float]:
    """``{name: score}`` from which outlines of a name that was looked at are clear by PRECISION.

    Told from the training split's opinions and their out-of-fold scores: the lowest score above which at least
    ten were looked at and the share of clear ones has never fallen below PRECISION on the way down.
    """
    told: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for outline, score in zip(outlines, scores, strict=True):
        opinion = opinions.get(key_of(outline))
        if opinion in ("clear", "unclear", "group") and outline.split == "train" and np.isfinite(score):
            told[str(outline.name)].append((round(float(score), 3), opinion == "clear"))
    found = {}
    for name, pairs in told.items():
        pairs.sort(reverse=True)
        clear = np.cumsum([is_clear for _, is_clear in pairs])
        share = clear / np.arange(1, len(pairs) + 1)
        bad = np.flatnonzero((share < PRECISION) & (np.arange(1, len(pairs) + 1) >= 10))
        last = bad[0] if bad.size else len(pairs) - 1
        found[name] = float(np.clip(pairs[last][0], LEAST_SCORE, MOST_SCORE))
    return found


def _doubt(outlines: Sequence[Curated], opinions: Mapping[Key, Opinion], scores: np.ndarray) -> None:
    looked = looked_at(opinions, outlines)
    needed = thresholds(outlines, opinions, scores)
    for outline, score in zip(outlines, scores, strict=True):
        if not _is_whole_photo(outline) or key_of(outline) in opinions:
            continue
        name = str(outline.name)
        if not np.isfinite(score):  # too few clear ones to learn from: where eyes looked, only those are sure
            outline.verdict = "doubtful" if name in looked else "whole"
        elif round(float(score), 3) < (needed.get(name, LEAST_SCORE) if name in looked else UNLOOKED_SCORE):
            outline.verdict = "doubtful"


def _grade(outlines: Sequence[Curated], opinions: Mapping[Key, Opinion], scores: np.ndarray) -> None:
    """Quality: clearness by two thirds, crispness by one; views of a model count by how much they show."""
    shown = _shown(outlines)
    for i, outline in enumerate(outlines):
        clear = float(scores[i]) if np.isfinite(scores[i]) and outline.kind == "photo" else UNKNOWN[outline.kind]
        if opinions.get(key_of(outline)) in ("clear", "kept"):
            clear = max(clear, 0.75)
        outline.quality = round((2 * clear * shown.get(i, 1.0) + outline.quality) / 3, 3)


def _shown(outlines: Sequence[Curated]) -> dict[int, float]:
    """``{index: share in [0, 1]}`` of rendered views: area over that of the broadest view from the same elevation.

    Views of one elevation share a scale, since the model turns about its upright axis; heights make areas equal.
    """
    areas: dict[tuple[str, str, float], list[tuple[int, float]]] = defaultdict(list)
    for i, outline in enumerate(outlines):
        if outline.view is not None:
            area = int(np.count_nonzero(outline.mask)) / outline.packed.shape[0] ** 2
            areas[outline.set, outline.source, outline.view[1]].append((i, area))
    return {i: area / max(a for _, a in views) for views in areas.values() for i, area in views}
