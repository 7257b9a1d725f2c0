"""Frames of training: they hold their object whole, stay in the scene, and lie anywhere that does both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.train.tasks.latent_frames import (
    JITTER,
    box_of_shares,
    check_frame,
    draw_frame,
    seen_part,
    shares_in,
    shows_whole,
)

SIDES = st.integers(30, 500)
PLACES = st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.02, 0.6), st.floats(0.02, 0.6))


@settings(max_examples=200)
@given(SIDES, SIDES, PLACES, st.floats(1.5, 6), st.integers(0, 1000))
def test_a_frame_holds_the_object_and_leaves_the_scene_only_where_it_is_larger(
    height: int, width: int, place: tuple[float, float, float, float], times: float, seed: int
) -> None:
    x, y, w, h = place
    box = x * width, y * height, min(x + w, 1) * width, min(y + h, 1) * height
    longer = max(box[2] - box[0], box[3] - box[1])
    frame = draw_frame(box, height, width, times, np.random.default_rng(seed))
    if frame is None:
        assert max(longer * times * JITTER[1], longer + 1) >= max(height, width)
        return
    x0, y0, x1, y1 = frame
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert x0 - 1e-6 <= box[0]
    assert box[2] <= x1 + 1e-6
    assert y0 - 1e-6 <= box[1]
    assert box[3] <= y1 + 1e-6
    assert (x0 >= -1e-6 and x1 <= width + 1e-6) or x1 - x0 >= width
    assert (y0 >= -1e-6 and y1 <= height + 1e-6) or y1 - y0 >= height
    shares = shares_in(box, frame, height, width)
    assert box_of_shares(shares, frame, height, width) == pytest.approx(box, abs=1e-3)
    assert all(-1e-6 <= share <= 1 + 1e-6 for share in shares)


def test_the_object_may_lie_anywhere_in_its_frame() -> None:
    """Its middle's place in the frame is spread over all that hold it, so the frame's middle is no better a guess."""
    rng = np.random.default_rng(0)
    places, sizes = [], []
    for _ in range(2000):
        frame = draw_frame((500, 500, 540, 540), 1000, 1000, 3.0, rng)
        assert frame is not None
        span = frame[2] - frame[0]
        places.append((500 - frame[0]) / (span - 40))
        sizes.append(span / 40)
    counts, _ = np.histogram(places, 5, (0, 1))
    assert counts.min() > 320  # of 400
    assert min(sizes) == pytest.approx(1.8, abs=0.05)
    assert max(sizes) == pytest.approx(5.4, abs=0.05)


def test_what_has_no_guide_mostly_sees_the_whole_scene() -> None:
    rng = np.random.default_rng(0)
    unguided = np.mean([shows_whole("none", rng) for _ in range(1000)])
    assert unguided == pytest.approx(0.75, abs=0.05)
    assert np.mean([shows_whole("box", rng) for _ in range(1000)]) == pytest.approx(0.1, abs=0.04)


def test_a_frame_that_shows_nothing_of_the_scene_is_refused() -> None:
    assert check_frame(0.0) == 0
    assert check_frame(3.0) == 3
    with pytest.raises(
        ValueError, match=r"spans 1.2 times the object; it must be 0 \(the whole scene\) or 1.5 or more"
    ):
        check_frame(1.2)
    assert seen_part((-10, 5, 40, 55), 50, 30) == (0, 5, 30, 50)
    assert seen_part(None, 50, 30) == (0, 0, 30, 50)
