"""Silhouettes: one size, aspect kept, place and scale lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.data.pack import Pack
from smartmask.data.silhouettes import MARGIN, SIDE, Silhouettes, real_silhouettes, silhouette
from smartmask.data.targets import Protocol, find_targets
from smartmask.geometry import box_mask


@given(st.integers(0, 40), st.integers(0, 40), st.integers(4, 160), st.integers(4, 160))
def test_a_box_fills_its_share_of_the_window_wherever_it_stands(left: int, top: int, width: int, height: int) -> None:
    picture = silhouette(box_mask((left, top, left + width, top + height), 200, 200)) / 255
    share = min(width, height) / max(width, height) / MARGIN**2
    assert picture.shape == (SIDE, SIDE)
    assert picture.mean() == pytest.approx(share, rel=0.06, abs=0.004)
    rows, cols = np.indices(picture.shape)
    for axis in (rows, cols):  # centred, to a tenth of a pixel
        assert (picture * axis).sum() / picture.sum() == pytest.approx((SIDE - 1) / 2, abs=0.1)


def test_size_and_place_do_not_matter_much() -> None:
    ys, xs = np.indices((400, 400))
    small = (xs - 60) ** 2 / 40**2 + (ys - 70) ** 2 / 25**2 <= 1
    large = (xs - 200) ** 2 / 160**2 + (ys - 220) ** 2 / 100**2 <= 1
    gap = np.abs(silhouette(small).astype(float) - silhouette(large)) / 255
    assert gap.mean() < 0.01


def test_an_object_at_the_border_is_not_shifted() -> None:
    inside, cut = np.zeros((50, 50), bool), np.zeros((50, 50), bool)
    inside[20:40, 10:30], cut[30:50, 30:50] = True, True
    np.testing.assert_array_equal(silhouette(inside), silhouette(cut))


def test_an_empty_mask_has_none() -> None:
    with pytest.raises(ValueError, match="empty"):
        silhouette(np.zeros((8, 8), bool))
    with pytest.raises(ValueError, match="no mask"):
        Silhouettes.of([])


def test_real_silhouettes_of_a_pack(pack: Pack) -> None:
    targets = find_targets(pack, Protocol(limit=None))
    found = real_silhouettes(pack, targets)
    assert len(found) == len(targets) == 16
    assert set(found.names) == {"ball", "bus"}
    assert set(found.images) == {t.key for t in targets}
    buses = found[found.names == "bus"]
    assert buses.pictures.max() == 255
    assert len(buses) == 8
