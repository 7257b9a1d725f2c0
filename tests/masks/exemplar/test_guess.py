"""The table of strokes: what box a stroke means."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from strategies import guides_inside

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide, Scribble, extent
from smartmask.masks.exemplar.guess import FEATURES, GUESSES, StrokeTable, described, table_row

H, W = 300, 400


def line(*points: tuple[float, float], width: float = 6.0) -> Scribble:
    return Scribble(points, width)


def row(stroke: Scribble, box: BoxXYXY) -> list[float]:
    usual = math.log((box[2] - box[0]) / (box[3] - box[1]))
    return table_row(stroke.extent(H, W), [stroke], box, usual, H, W)


def made_table(count: int = 300, seed: int = 0) -> StrokeTable:
    """Lines from corner to corner of the inner part of things."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        width, height = np.exp(rng.uniform(3, 5, 2))
        x, y = rng.uniform(0, W - width), rng.uniform(0, H - height)
        stroke = line((x + 0.2 * width, y + 0.3 * height), (x + 0.8 * width, y + 0.7 * height))
        rows.append(row(stroke, (x, y, x + width, y + height)))
    return StrokeTable(np.array(rows))


TABLE = made_table()


def boxes(stroke: Scribble, aspect: float = 1.0, table: StrokeTable = TABLE) -> tuple[list[BoxXYXY], np.ndarray]:
    return table.boxes(stroke.extent(H, W), [stroke], np.array([aspect]), H, W)


# --- guesses -------------------------------------------------------------------------------------


def test_a_stroke_of_the_table_gives_its_box() -> None:
    stroke, box = line((60.0, 80.0), (160.0, 120.0)), (40.0, 60.0, 180.0, 150.0)
    table = StrokeTable(np.array([row(stroke, box), *made_table(100).rows.tolist()]))
    found, weights = boxes(stroke, 140 / 90, table)
    np.testing.assert_allclose(found[0], box, atol=1e-3)
    assert weights[0] == weights.max() == 0


def test_a_stroke_elsewhere_means_a_box_there() -> None:
    here, there = boxes(line((60.0, 80.0), (160.0, 120.0))), boxes(line((90.0, 110.0), (190.0, 150.0)))
    np.testing.assert_allclose(np.array(there[0]), np.array(here[0]) + 30, atol=1e-3)
    np.testing.assert_allclose(there[1], here[1], atol=1e-6)


@given(guides_inside(H, W), st.floats(0.1, 10))
def test_every_guess_holds_the_stroke_and_stays_in_the_scene(guide: Guide, aspect: float) -> None:
    region = extent([guide], H, W)
    assert region is not None
    found, weights = TABLE.boxes(region, [guide], np.array([aspect]), H, W)
    assert len(found) == len(weights) == GUESSES
    assert np.isfinite(weights).all()
    assert weights.max() <= 0
    for x0, y0, x1, y1 in found:
        assert x0 <= region[0]
        assert y0 <= region[1]
        assert x1 >= region[2] - 1e-6
        assert y1 >= region[3] - 1e-6
        assert min(x1 - x0, y1 - y0) >= 1 - 1e-9
        assert x0 >= min(0, region[0])
        assert y0 >= min(0, region[1])
        assert x1 <= max(W, region[2], x0 + 1) + 1e-6
        assert y1 <= max(H, region[3], y0 + 1) + 1e-6


def test_the_thing_decides_between_boxes() -> None:
    """One stroke, half the time in a wide box, half the time in a high one."""
    stroke = line((180.0, 130.0), (220.0, 170.0))
    rows = [row(stroke, (100.0, 130.0, 300.0, 170.0))] * 60 + [row(stroke, (180.0, 50.0, 220.0, 250.0))] * 60
    table = StrokeTable(np.array(rows))
    wide, high = boxes(stroke, 5.0, table)[0], boxes(stroke, 0.2, table)[0]
    assert all(x1 - x0 > y1 - y0 for x0, y0, x1, y1 in wide)
    assert all(x1 - x0 < y1 - y0 for x0, y0, x1, y1 in high)


def test_the_nearest_come_first() -> None:
    _, weights = boxes(line((60.0, 80.0), (160.0, 120.0)))
    assert (np.diff(weights) <= 1e-3).all()  # distances are rounded before they are sorted


def test_without_outlines_any_aspect_is_usual() -> None:
    stroke = line((60.0, 80.0), (160.0, 120.0))
    found, _ = TABLE.boxes(stroke.extent(H, W), [stroke], np.zeros(0), H, W)
    assert len(found) == GUESSES


def test_the_same_guesses_each_time() -> None:
    stroke = line((60.0, 80.0), (160.0, 120.0))
    assert boxes(stroke)[0] == boxes(stroke, table=made_table())[0]


def test_a_table_of_one() -> None:
    stroke = line((60.0, 80.0), (160.0, 120.0))
    table = StrokeTable(np.array([row(stroke, (40.0, 60.0, 180.0, 150.0))]))
    assert len(boxes(stroke, 1.0, table)[0]) == 1


# --- what is known of a stroke -------------------------------------------------------------------


def features(stroke: Scribble, usual: float = 0.0, height: int = H, width: int = W) -> np.ndarray:
    return described(stroke.extent(height, width), [stroke], usual, height, width)


def test_a_stroke_is_described_by_its_proportions() -> None:
    wide, high = features(line((0.0, 50.0), (100.0, 80.0))), features(line((50.0, 0.0), (80.0, 100.0)))
    assert wide[0] == pytest.approx(-high[0])
    assert wide[0] > 0.8
    np.testing.assert_allclose(wide[1:], high[1:], atol=1e-6)
    assert features(line((0.0, 0.0), (9.0, 9.0)), usual=0.7)[1] == pytest.approx(0.7)


def test_lines_that_wander() -> None:
    straight = features(line((0.0, 0.0), (100.0, 100.0)))
    zigzag = features(line(*[(10.0 * i, 100.0 * (i % 2)) for i in range(11)]))
    assert zigzag[3] > straight[3] + 0.5


@given(st.floats(0.25, 4))
def test_a_larger_scene_changes_nothing(scale: float) -> None:
    points = [(10.0, 20.0), (90.0, 70.0), (120.0, 30.0)]
    once = features(line(*points))
    again = features(
        line(*[(x * scale, y * scale) for x, y in points], width=6 * scale),
        height=round(H * scale),
        width=round(W * scale),
    )
    np.testing.assert_allclose(once, again, atol=0.02)


def test_dots_and_no_strokes() -> None:
    dot = features(line((50.0, 50.0)))
    assert np.isfinite(dot).all()
    assert dot[0] == pytest.approx(0)
    assert np.isfinite(described((5.0, 5.0, 9.0, 5.5), [], 0.0, H, W)).all()  # an extent of other guides
    assert len(dot) == FEATURES


# --- files ---------------------------------------------------------------------------------------


def test_saved_and_loaded(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "strokes.safetensors")
    np.testing.assert_array_equal(StrokeTable.load(tmp_path / "strokes.safetensors").rows, TABLE.rows)


SIZE = FEATURES + 4


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((0, SIZE)),
        np.zeros((3, SIZE - 1)),
        np.zeros(SIZE),
        np.full((2, SIZE), np.nan),
        np.full((2, SIZE), np.inf),
    ],
)
def test_tables_that_are_none(rows: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="A table of strokes has shape"):
        StrokeTable(rows)
    save_file({"rows": rows.astype(np.float32)}, tmp_path / "strokes.safetensors")
    with pytest.raises(ValueError, match=r"strokes\.safetensors'? is damaged"):
        StrokeTable.load(tmp_path / "strokes.safetensors")


def test_files_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "strokes.safetensors"
    with pytest.raises(ValueError, match=r"strokes\.safetensors' does not exist"):
        StrokeTable.load(file)
    for content in (b"", b"nothing", bytes(100)):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="is damaged"):
            StrokeTable.load(file)
    save_file({"lines": np.zeros((2, SIZE), np.float32)}, file)
    with pytest.raises(ValueError, match="is damaged"):
        StrokeTable.load(file)
