"""What eyes and the network say about outlines, and what becomes of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smartmask.data.curation import Curated, PackedMask
from smartmask.data.curation_clear import LOOKED, clearness, fold_of, framed, key_of, looked_at
from smartmask.data.curation_eye import Key, Opinion, drawn_polygons, reviewed
from smartmask.data.curation_opinion import COARSE, PLENTY, PRECISION, decide, looks_like_two, thresholds
from smartmask.data.outlines import SETS
from smartmask.data.splits import split_of
from tests.data.outline_sets import star

TRAIN = [s for s in map(str, range(800)) if split_of(s) == "train"]
TEST = [s for s in map(str, range(800)) if split_of(s) == "test"]


def curated(
    mask: np.ndarray, source: str, name: str = "dog", set_name: str = "coco", number: int = 0, view: float | None = None
) -> Curated:
    height, width = mask.shape
    box = (10, 10, 10 + width, 10 + height)
    where = ("", None if view is None else (view, 8.0), 400, 400, True, box, PackedMask.of(mask))
    return Curated(name, name, set_name, source, number, split_of(source), "whole", *where, 0.0, 1.0, 0.6)


def disc(size: int = 90) -> np.ndarray:
    return np.hypot(*(np.mgrid[:size, :size] - size / 2 + 0.5)) < size / 2


def test_eyes_overrule_rules() -> None:
    unclear, kept, group, plain = (curated(star(5), TRAIN[i]) for i in range(4))
    kept.verdict = "touching"
    opinions: dict[Key, Opinion] = {key_of(unclear): "unclear", key_of(kept): "kept", key_of(group): "group"}
    decide([unclear, kept, group, plain], opinions)
    assert [o.verdict for o in (unclear, kept, group, plain)] == ["reviewed", "whole", "fused", "whole"]
    assert kept.reason == "whole to the eye, though touching by rule"
    assert kept.quality > plain.quality


def test_coarse_ones_go_where_there_are_plenty_of_fine_ones() -> None:
    coarse = [curated(star(5, COARSE - 8), TRAIN[i], name) for i, name in enumerate(("dog", "cat"))]
    spared = curated(star(5, COARSE - 8), TRAIN[2])
    fine = [curated(star(5), TRAIN[3 + i]) for i in range(PLENTY)]
    decide([*coarse, spared, *fine], {key_of(spared): "clear"}, steps=1)
    assert [o.verdict for o in (*coarse, spared)] == ["tiny", "whole", "whole"]


def test_two_side_by_side_look_like_two_and_a_star_does_not() -> None:
    two = np.concatenate([disc()[:, :-3], disc()[:, 3:]], axis=1)
    assert looks_like_two(two)
    assert not looks_like_two(disc())
    assert not looks_like_two(star(5))
    fused, clear = curated(two, TRAIN[0], "sheep"), curated(two, TRAIN[1], "bicycle")
    decide([fused, clear], {})
    assert [fused.verdict, clear.verdict] == ["fused", "whole"]


def test_scores_from_which_outlines_are_kept() -> None:
    outlines = [curated(star(5), TRAIN[i]) for i in range(60)]
    scores = np.linspace(1, 0, 60).astype(np.float32)
    opinions: dict[Key, Opinion] = {key_of(o): "clear" if i < 30 else "unclear" for i, o in enumerate(outlines)}
    found = thresholds(outlines, opinions, scores)["dog"]
    above = scores >= found
    assert 30 / above.sum() == pytest.approx(PRECISION, abs=0.03)
    assert looked_at(opinions, outlines) == {"dog"}
    assert looked_at(dict(list(opinions.items())[: LOOKED - 1]), outlines) == set()


@pytest.mark.slow
def test_the_network_tells_the_clear_from_the_unclear_without_having_seen_them() -> None:
    rng = np.random.default_rng(0)
    outlines, opinions = [], dict[Key, Opinion]()
    for i, source in enumerate([*TRAIN[:180], *TEST[:20]]):
        name = ("dog", "cat")[i % 2]
        shape = star((4, 7)[i % 2], turn=rng.uniform(0, 1)) if i % 3 else cv2.blur(disc().astype(np.uint8), (3, 3)) > 0
        outlines.append(curated(shape, source, name))
        if source in TRAIN:
            opinions[key_of(outlines[-1])] = "clear" if i % 3 else "unclear"
    scores = clearness(outlines, opinions, steps=60)
    clear = np.array([i % 3 > 0 for i in range(len(outlines))])
    assert scores[clear].mean() > 0.6
    assert scores[~clear].mean() < 0.3
    assert scores[180:][clear[180:]].mean() > scores[180:][~clear[180:]].mean() + 0.3
    few = [curated(star(5), TRAIN[0], "zebra")]
    assert np.isnan(clearness(few, {}, steps=1)).all()


def test_broad_views_of_a_model_are_better_than_narrow_ones() -> None:
    side, front = star(5), star(5)[:, 25:65]
    views = [curated(m, "pack/Cow", "cow", "quaternius", i, 90.0 * i) for i, m in enumerate((front, side))]
    decide(views, {})
    assert views[0].quality < views[1].quality
    assert {o.verdict for o in views} == {"whole"}


def test_squares_keep_the_aspect() -> None:
    square = framed(np.ones((100, 50), dtype=bool)) > 127
    assert (square.any(axis=1).sum(), square.any(axis=0).sum()) == (29, 14)
    assert len({fold_of(source) for source in TRAIN[:20]}) == 3


def test_the_list_of_what_was_looked_at() -> None:
    found = reviewed()
    assert len(found) > 5000
    assert {opinion for opinion in found.values()} == {"clear", "unclear", "group", "kept"}
    assert {set_name for set_name, _, _ in found} <= set(SETS)
    assert all(p.ndim == 2 and p.min() >= 0 and p.max() <= 200 for ps in drawn_polygons().values() for p in ps)
