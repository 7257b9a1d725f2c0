"""Resting on a thing is told by contact of masks, all other relations by boxes."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.plan.language.relations import masks_hold, rests_on


def filled(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((120, 160), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


BENCH = filled(40, 60, 120, 66) | filled(44, 66, 48, 90) | filled(112, 66, 116, 90)


@pytest.mark.parametrize(
    ("subject", "rests"),
    [
        (filled(70, 20, 90, 62), True),  # stands on the seat
        (filled(70, 20, 90, 64) | filled(70, 60, 76, 96), True),  # sits, legs below the bench's feet
        (filled(110, 20, 140, 64), True),  # leans past the end
        (filled(70, 40, 90, 59), True),  # a gap of a pixel, as annotations leave it
        (filled(70, 10, 90, 40), False),  # floats above
        (filled(130, 20, 150, 92), False),  # stands beside
        (filled(70, 30, 90, 118), False),  # stands in front, feet far below
        (filled(70, 70, 90, 92), False),  # stands under the seat
    ],
)
def test_who_rests_on_a_bench(subject: np.ndarray, rests: bool) -> None:
    assert rests_on(subject, BENCH) == rests
    assert masks_hold("on", subject, BENCH, True) == rests


def test_what_lies_behind_its_support_must_be_seen_on_it() -> None:
    couch, cat = filled(20, 50, 140, 100), filled(60, 55, 100, 85)
    assert rests_on(cat, couch, in_front=True)
    assert not rests_on(cat, couch, in_front=False)


def test_other_relations_go_by_boxes_and_empty_masks_keep_none() -> None:
    assert masks_hold("left of", filled(0, 20, 20, 60), BENCH, True)
    for kind in ("on", "left of"):
        assert not masks_hold(kind, np.zeros((120, 160), bool), BENCH, True)
