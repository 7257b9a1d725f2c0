"""Run-length codes of any kind: a mask of the stated size, or one sentence before anything is allocated."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.geometry import polygons_to_mask, rle_decode, rle_encode, runs
from smartmask.geometry.runs import runs_of

HUGE = [2**31 - 1, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, 2**70, -1, -(2**63)]
NUMBERS = st.one_of(st.integers(-3, 40), st.sampled_from(HUGE))
ODD = st.one_of(st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
SIZES = st.one_of(st.lists(st.one_of(NUMBERS, ODD), max_size=3), st.tuples(st.integers(0, 8), st.integers(0, 8)), ODD)
COUNTS = st.one_of(
    st.lists(st.one_of(NUMBERS, ODD), max_size=8), st.lists(NUMBERS, max_size=8), st.text(max_size=30),
    st.text("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmno", max_size=30),
    st.binary(max_size=30), ODD,
)  # fmt: skip


@given(SIZES, COUNTS)
@settings(max_examples=600)
def test_any_code_is_a_mask_of_its_size_or_a_sentence(size: Any, counts: Any) -> None:
    try:
        mask = rle_decode({"size": size, "counts": counts})
    except ValueError as error:
        assert str(error).endswith(".")  # noqa: PT017 - some are masks
        assert len(str(error)) < 300  # noqa: PT017
        return
    assert mask.shape == tuple(size)
    assert mask.dtype == np.bool_
    if isinstance(counts, list):
        assert np.count_nonzero(mask) == sum(counts[1::2])


@given(st.integers(0, 9), st.integers(0, 9), st.data())
def test_there_and_back_in_both_forms(height: int, width: int, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(bits, bool).reshape(height, width)
    if mask.size:
        rle = rle_encode(mask)
        np.testing.assert_array_equal(rle_decode(rle), mask)
        np.testing.assert_array_equal(rle_decode({**rle, "counts": rle["counts"].encode()}), mask)
        counts = runs_of(rle)[2]
        for given_counts in (counts.tolist(), tuple(counts.tolist()), counts, list(counts)):
            np.testing.assert_array_equal(rle_decode({"size": [height, width], "counts": given_counts}), mask)


@pytest.mark.parametrize(
    ("rle", "says"),
    [
        ({"size": [1 << 40, 1 << 40], "counts": "0"}, "at most 100,000,000 pixels"),
        ({"size": [0, 1 << 40], "counts": []}, "at most 100,000,000 pixels"),
        ({"size": [-10, -10], "counts": [100]}, "at most 100,000,000 pixels"),
        ({"size": [10.0, 10.0], "counts": [100]}, "two whole numbers"),
        ({"size": [True, 2], "counts": [2]}, "two whole numbers"),
        ({"size": "22", "counts": [2]}, "two whole numbers"),
        ({"size": [10, 10], "counts": [50.7, 49.9]}, "50.7, which is no whole number"),
        ({"size": [2, 1], "counts": [True, True]}, "True, which is no whole number"),
        ({"size": [10, 10], "counts": ["50", "50"]}, "'50', which is no whole number"),
        ({"size": [10, 10], "counts": [[50], [50]]}, "which is no whole number"),
        ({"size": [10, 10], "counts": [None, 100]}, "None, which is no whole number"),
        ({"size": [10, 10], "counts": np.array([50.0, 50.0])}, "a list of whole numbers"),
        ({"size": [10, 10], "counts": [2**62, 2**62, 2**62, 2**62, 100]}, "run to 4611686018427387904"),
        ({"size": [10, 10], "counts": [-1, 101]}, "run to -1"),
        ({"size": [10, 10], "counts": [2**70]}, "beyond any picture's size"),
        ({"size": [3, 3], "counts": "\ud800"}, "not a string that COCO's tools write"),
        ({"size": [3, 3], "counts": "9\u00e9"}, "not a string that COCO's tools write"),
        ({"size": [3, 3], "counts": b"\xff" * 9}, "not a string that COCO's tools write"),
        ({"size": [3, 3], "counts": "o" * 20 + "0"}, "beyond any picture's size"),
        ({"size": [3, 3], "counts": {"a": 1}}, "a text, or a list of whole numbers"),
        ({"size": [3, 3]}, "an object with size and counts"),
        ([3, 3], "an object with size and counts"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(rle: Any, says: str) -> None:
    with pytest.raises(ValueError, match=rf"{says}.*\.$"):
        rle_decode(rle)


@pytest.mark.parametrize("counts", ["0" * 60_000_000, b"0" * 60_000_000, [0] * 8_000_000])
def test_megabytes_of_counts_take_neither_time_nor_memory(counts: Any) -> None:
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(ValueError, match="at most 4,000,000 runs are read"):
        rle_decode({"size": [10_000, 10_000], "counts": counts})
    assert time.monotonic() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_a_limit_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LIMITS", replace(runs.LIMITS, runs=3, pixels=50))
    assert rle_decode({"size": [5, 2], "counts": [1, 2, 7]}).sum() == 2
    with pytest.raises(ValueError, match="at most 3 "):
        rle_decode({"size": [5, 2], "counts": [1, 2, 3, 4]})
    with pytest.raises(ValueError, match="at most 3 "):
        rle_decode({"size": [5, 2], "counts": "1" * 10})
    with pytest.raises(ValueError, match="at most 50 pixels"):
        rle_decode({"size": [5, 11], "counts": [55]})


# --- polygons --------------------------------------------------------------------------------------


def test_an_outline_that_would_fill_all_memory_is_refused() -> None:
    # the rasteriser of COCO's tools takes no for an answer from malloc and goes on: so in a process of its own
    code = (
        "import numpy as np; from smartmask.geometry import polygons_to_mask\n"
        "points = np.array([[(-90000, 90000)[i % 2], i % 3] for i in range(20000)], float)\n"
        "polygons_to_mask([points], 10000, 10000)"
    )
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
    done = subprocess.run([sys.executable, "-c", limit + code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ValueError: The polygons' outlines are 3,600,000,000 pixels long together" in done.stderr


def test_a_fine_outline_of_a_large_photo_is_none_of_those() -> None:
    turn = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    wide = 1400 * (1 + 0.01 * np.sin(400 * turn))
    points = np.stack([2000 + wide * np.cos(turn), 1500 + wide * np.sin(turn)], axis=1)
    area = np.count_nonzero(polygons_to_mask([points], 3000, 4000))
    assert area == pytest.approx(np.pi * 1400**2, rel=0.01)


@given(st.lists(st.lists(st.one_of(st.floats(-100, 100), st.floats()), max_size=9), max_size=3))
@settings(max_examples=300)
def test_any_polygons_are_a_mask_or_a_sentence(polygons: list[list[float]]) -> None:
    try:
        mask = polygons_to_mask([np.array(p) for p in polygons], 7, 9)
    except ValueError as error:
        assert str(error).endswith(".")  # noqa: PT017 - most are masks
    else:
        assert mask.shape == (7, 9)
