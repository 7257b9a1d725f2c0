"""Traits told from outlines: drawn stick shapes whose direction and pose are plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.train import app
from smartmask.data.traits import Key
from smartmask.geometry import rle_encode
from smartmask.train import traits
from smartmask.train.traits import (
    BINS,
    CELLS,
    GROUPS,
    MARGIN,
    SIDE,
    Labelled,
    all_traits,
    edges,
    learn_traits,
    picture,
    read_outlines,
    trait_scores,
    words_of,
)

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def animal(rng: np.random.Generator, lying: bool, left: bool) -> np.ndarray:
    """(70, 100) bool: a body, a head at one end, legs unless it lies."""
    canvas = np.zeros((70, 100), np.uint8)
    body = 30 + int(rng.integers(-3, 4))
    cv2.ellipse(canvas, (50, body), (30 + int(rng.integers(-4, 5)), 12), 0, 0, 360, 1, -1)
    cv2.circle(canvas, (18, body - 12), 9 + int(rng.integers(-1, 2)), 1, -1)
    if not lying:
        for x in (30, 38, 62, 70):
            cv2.line(canvas, (x, body), (x + int(rng.integers(-3, 4)), body + 34), 1, 5)
    return (canvas if left else canvas[:, ::-1]) > 0


def seen_from_the_front(rng: np.random.Generator) -> np.ndarray:
    """(70, 30) bool: a head, a narrow body, two legs."""
    canvas = np.zeros((70, 30), np.uint8)
    cv2.ellipse(canvas, (15, 30), (9 + int(rng.integers(-1, 2)), 14), 0, 0, 360, 1, -1)
    cv2.circle(canvas, (15, 12 + int(rng.integers(-2, 3))), 8, 1, -1)
    for x in (9, 21):
        cv2.line(canvas, (x, 35), (x, 66), 1, 4)
    return canvas > 0


def row(mask: np.ndarray, number: int, **more: Any) -> dict[str, Any]:
    coded = rle_encode(mask)
    height, width = mask.shape
    return {"name": "dog", "set": "drawn", "source": f"s{number}", "number": 0, "verdict": "whole", "split": "train",
            "azimuth": None, "counts": coded["counts"], "h": height, "w": width, **more}  # fmt: skip


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """80 animals, every fifth without a label, 12 from the front; a test outline, a tree, a model of known azimuth."""
    rng = np.random.default_rng(0)
    rows, labels = [], dict[Key, str]()
    for number in range(80):
        lying, left = bool(number % 2), bool(number // 2 % 2)
        rows.append(row(animal(rng, lying, left), number))
        if number % 5:
            words = f"{'lying' if lying else 'standing'} side {'left' if left else 'right'}"
            labels["drawn", f"s{number}", 0] = words
    for number in range(100, 112):
        rows.append(row(seen_from_the_front(rng), number))
        labels["drawn", f"s{number}", 0] = "standing front"
    rows.append(row(animal(rng, False, True), 80, split="test"))
    rows.append(row(animal(rng, False, True), 81, name="tree"))
    rows.append(row(animal(rng, False, False), 82, azimuth=90.0))
    rows.append(row(animal(rng, False, True), 83, verdict="touching"))
    file = tmp_path / "outlines.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), file)
    monkeypatch.setattr(traits, "read_labels", lambda: labels)
    return file


def test_picture_keeps_the_aspect() -> None:
    wide = np.zeros((50, 200), bool)
    wide[10:30, 20:180] = True
    seen = picture(wide) > 0
    assert seen.shape == (SIDE, SIDE)
    ys, xs = np.nonzero(seen)
    assert np.ptp(xs) + 1 == SIDE - 2 * MARGIN
    assert np.ptp(ys) + 1 == pytest.approx((SIDE - 2 * MARGIN) / 8, abs=1)
    assert not picture(np.zeros((5, 5), bool)).any()


def test_edges_are_of_length_one_and_mirrored_with_the_picture() -> None:
    one = picture(animal(np.random.default_rng(1), False, True))
    found = edges(np.stack([one, one[:, ::-1]])).reshape(2, BINS, CELLS, CELLS)
    assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-5)
    turned = found[0][(BINS // 2 - np.arange(BINS)) % BINS][:, :, ::-1]
    np.testing.assert_allclose(found[1], turned, atol=1e-4)
    assert not edges(np.zeros((1, SIDE, SIDE), np.uint8)).any()


def test_reading_keeps_what_is_remembered(table: Path) -> None:
    data = read_outlines(table)
    assert len(data.keys) == 93  # no test outline, no tree, none that touches another
    assert set(data.groups.tolist()) == {list(GROUPS).index("quadrupeds")}
    assert data.words[-1] == "side right"  # the model's azimuth
    assert read_outlines(table, ("test",)).keys == [("drawn", "s80", 0)]


def test_unlabelled_outlines_are_told(table: Path) -> None:
    found = all_traits(table)
    for number in range(0, 80, 5):
        scores, lying, left = found["drawn", f"s{number}", 0], number % 2, number // 2 % 2
        assert scores["lying"] == -scores["standing"] == (1 if lying else -1) * abs(scores["lying"])
        assert scores.get("left", 0) * (1 if left else -1) > 0.5
        assert scores["side"] > 0.5
    assert all(
        abs(score) >= 0.125 and score * 8 == round(score * 8) for one in found.values() for score in one.values()
    )
    assert not any("flying" in one for one in found.values())  # no dog flies


def test_labels_win_over_what_is_told(table: Path) -> None:
    data = read_outlines(table)
    wrong = {"pose": np.zeros((len(data.keys), len(words_of("pose"))))}
    for aspect in ("view", "direction"):
        wrong[aspect] = np.zeros((len(data.keys), len(words_of(aspect))))
    wrong["pose"][:, words_of("pose").index("flying")] = 1
    scores = trait_scores(data, wrong)
    assert scores["drawn", "s1", 0]["lying"] == 1
    assert scores["drawn", "s1", 0]["standing"] == -1


def test_accuracy_is_of_sources_not_learned_from(table: Path) -> None:
    data = read_outlines(table)
    told, report = learn_traits(data)
    right, count = report.accuracy["pose"]["quadrupeds"]["lying"]
    assert count == 32
    assert right >= 30
    assert report.accuracy["pose"]["people"] == {}
    for aspect, probabilities in told.items():
        assert probabilities.shape == (len(data.keys), len(words_of(aspect)))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_the_mirror_turns_the_direction_only(table: Path) -> None:
    data = read_outlines(table)
    flipped = Labelled(data.keys, data.pictures[:, :, ::-1], data.groups, data.folds, data.targets, data.words)
    blank = [""] * len(data.keys)
    told, _ = learn_traits(data)
    ahead = trait_scores(Labelled(**{**vars(data), "words": blank}), told)
    assert all(one == {} for one in ahead.values())  # without labels no trait is one that the group has
    # the same labels on mirrored pictures: left is where right was
    features, mirrored = edges(data.pictures), edges(flipped.pictures)
    known = traits._known(data)
    rows = np.nonzero(known.targets["direction"] >= 0)[0]
    weights, shares = traits._fitted(known, "direction", rows)
    one = known.kernel(features, data.groups, rows) @ weights + shares
    two = known.kernel(mirrored, data.groups, rows) @ weights + shares
    np.testing.assert_allclose(one, two[:, traits._mirrored_classes("direction")], atol=1e-3)


def test_without_labels_nothing_is_told(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traits, "read_labels", lambda: {})
    monkeypatch.setattr(traits, "azimuth_words", lambda name, azimuth: "")
    assert all(scores == {} for scores in all_traits(table).values())


def test_command(table: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["traits", "--curated", str(table), "--out", str(tmp_path / "scores.json")])
    assert ran.exit_code == 0, ran.output
    assert "93 outlines, 77 with a label" in ran.output
    assert "pose, quadrupeds" in ran.output
    assert (tmp_path / "scores.json").is_file()
